// Screening while the merchant types: after a pause, one request at a time, never the same text twice.

import { Refused } from "./exchange.js";

const NOTICEABLE = 250;
const LATER = 10000;

export class Preview {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.timer = 0;
    /** @type {AbortController | null} */
    this.flight = null;
    /** The request that was answered last, as text, and its answer. */
    this.seen = "";
    this.answer = null;
  }

  /** Preview once the merchant has paused. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), this.host.pause);
  }

  /** Preview now, unless a request is under way: its end looks again. */
  async now() {
    clearTimeout(this.timer);
    const request = this.host.request("preview");
    const asked = JSON.stringify(request);
    if (this.flight || this.host.sending.engaged) return;
    if (asked === this.seen) return this.#show();
    if (!request.body.trim()) return this.host.blank();
    this.flight = new AbortController();
    const slow = setTimeout(() => this.host.status.say("checking"), NOTICEABLE);
    const answer = await this.#ask(request, this.flight);
    clearTimeout(slow);
    if (answer === "interrupted") return;
    this.flight = null;
    if (JSON.stringify(this.host.request("preview")) !== asked) return this.soon();
    if (typeof answer === "string") return this.host.status.say(answer);
    this.seen = asked;
    this.answer = answer;
    this.#show();
  }

  /** Drop what is under way, so that a send has the line to itself. */
  interrupt() {
    clearTimeout(this.timer);
    this.flight?.abort();
    this.flight = null;
  }

  /** The answer, or why there is none: "interrupted", "away", "broken". */
  async #ask(request, flight) {
    try {
      return await this.host.ask("/screen", request, { signal: flight.signal });
    } catch (error) {
      if (flight.signal.aborted) return "interrupted";
      if (!(error instanceof Refused)) this.timer = setTimeout(() => this.now(), LATER * (0.5 + Math.random()));
      return this.host.broken(error) ? "broken" : "away";
    }
  }

  #show() {
    if (this.host.sending.allowed()) return this.host.sending.grant();
    this.host.show(this.answer, "preview");
    this.host.sending.compare(this.answer);
  }
}
