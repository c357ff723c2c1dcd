// Talking to the screening service: JSON in, JSON out, retried with jitter until the budget is spent.

/** The service answered that it will not, or something else than the service answered (status 0). */
export class Refused extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    /** The field that a 422 names. */
    this.field = problem.errors?.[0]?.field;
    /** Whether it is one that the merchant does not type: the page sent it wrong. */
    this.misused = ["context", "customer_message", "received_at"].includes(this.field);
  }
}

/**
 * One exchange. Rejects with Refused; else the budget is spent or `signal` was used.
 * @param {string} url @param {object | null} body null asks with GET
 * @param {{budget: number, language: string, signal?: AbortSignal, key?: string}} options `budget` in milliseconds for
 *   all attempts; `key` is the Idempotency-Key that makes a second attempt harmless
 */
export async function ask(url, body, { budget, language, signal, key }) {
  const deadline = performance.now() + budget;
  /** @type {RequestInit} */
  const request = {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: { "content-type": "application/json", "accept-language": language, ...(key && { "idempotency-key": key }) },
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
    if (response.ok) {
      // a sign-in page, for example, is no answer of the service
      if (!/json/.test(response.headers.get("content-type") ?? "")) throw new Refused(0);
      return { answer: await response.json() };
    }
    if (response.status < 500 && response.status !== 429) throw new Refused(response.status, await response.json().catch(() => ({})));
    return { wait: 1000 * (Number(response.headers.get("retry-after")) || 0) };
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    return { wait: 0 };
  }
}

const told = new Set();

/** Say to whoever built the page what is wrong with the proxy: once for each fault. What is only the merchant's to mend
 * (a draft that is too long) or an outage is not told. @returns {boolean} whether the proxy is at fault */
export function atFault(error, endpoint) {
  if (!(error instanceof Refused) || [409, 413].includes(error.status) || (error.status === 422 && !error.misused)) return false;
  const fault = `draft-screen: ${endpoint} ${error.status ? `answered ${error.status}` : "did not answer with JSON"}`;
  if (!told.has(fault)) console.error(`${fault} (${error.message}). Is “endpoint” the path of your proxy, is the merchant signed in, and does the proxy add its key?`);
  told.add(fault);
  return true;
}

/** An Idempotency-Key; `randomUUID` would need a secure context. */
export function freshKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
