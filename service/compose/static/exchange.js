// Talking to the screening service: JSON in, JSON out, retried with jitter until the budget is spent.

/** The service answered that it will not; the message is its problem's detail. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
  }
}

/**
 * One exchange. Rejects with Refused; else the budget is spent or `signal` was used.
 * @param {string} url @param {object | null} body null asks with GET
 * @param {{budget: number, signal?: AbortSignal, key?: string}} options `budget` in milliseconds for all attempts;
 *   `key` is the Idempotency-Key that makes a second attempt harmless
 */
export async function ask(url, body, { budget, signal, key }) {
  const deadline = performance.now() + budget;
  /** @type {RequestInit} */
  const request = {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
  };
  for (let attempt = 0; ; attempt++) {
    const outcome = await once(url, request, deadline - performance.now(), signal);
    if ("answer" in outcome) return outcome.answer;
    const pause = Math.max(outcome.wait, 250 * 2 ** attempt * (0.5 + Math.random()));
    if (performance.now() + pause >= deadline) throw new Error("unreachable");
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** One attempt: `{answer}`, or `{wait}` in milliseconds if another may help. */
async function once(url, request, left, signal) {
  const limit = AbortSignal.timeout(Math.max(1, left));
  try {
    const response = await fetch(url, { ...request, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    if (response.ok) return { answer: await response.json() };
    if (response.status < 500 && response.status !== 429) throw new Refused(response.status, await response.json().catch(() => ({})));
    return { wait: 1000 * (Number(response.headers.get("retry-after")) || 0) };
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    return { wait: 0 };
  }
}

/** An Idempotency-Key; `randomUUID` would need a secure context. */
export function freshKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
