// Pressing send: a screening in `send` mode, then whatever its decision asks for, then the form goes on its way.

import { AppealWatch } from "./appeal.js";
import { el, grave, nameOf } from "./cards.js";
import { Refused, ask, freshKey } from "./exchange.js";
import { fillHidden } from "./hidden.js";
import { appealed, blocked, edited, failed, thanked, warned } from "./panel.js";

export class Sending {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.place = el("div");
    this.busy = false;
    this.released = false;
    /** The screening that stopped the draft. @type {any} */
    this.stopped = null;
    /** The last thing sent for screening: the same draft again is the same screening. */
    this.last = { asked: "", key: "", request: {} };
    this.reminders = [];
    const look = (id) => this.#ask(`/screenings/${id}`);
    this.watch = new AppealWatch(look, (appeal, contested, seen) => this.#answered(appeal, contested, seen));
  }

  /** The draft as it stands, as one string. */
  get typed() {
    return JSON.stringify(this.host.draft);
  }

  /** Bring the merchant back to the words at fault. */
  edit() {
    this.host.edit(this.stopped?.findings.find((finding) => finding.start !== null));
  }

  /** The form's submit event: held back until the draft may go. */
  submitted(event) {
    if (this.released) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.submitter = event.submitter;
    this.send();
  }

  /** A preview after a stop: say what the edit has changed. */
  compare(answer) {
    if (!this.stopped || this.typed === this.stopped.draft) return;
    const left = grave(answer.findings);
    const names = new Set(left.map(nameOf));
    const cleared = grave(this.stopped.findings).filter((finding) => !names.has(nameOf(finding)));
    this.#put(edited(answer.decision, { cleared, left }));
  }

  /** The page was loaded again while an appeal was open: look what became of it. */
  resume() {
    const { contested } = this.host.keeping.read();
    if (!contested) return;
    this.#put(appealed("open"));
    this.watch.begin(contested, 0);
  }

  thank() {
    this.stopped = null;
    this.last.asked = "";
    this.#put(thanked(this.reminders, this.unscreened), true);
  }

  /** It was not sent after all: the host's back end would not. */
  refused(reason) {
    this.last.asked = "";
    this.#put(failed("Not sent", reason, null), true);
  }

  close() {
    this.stopped = null;
    this.watch.stop();
    this.life?.abort();
    this.place.replaceChildren();
  }

  #put(panel, go = false) {
    const had = this.place.contains(this.place.getRootNode().activeElement);
    this.place.replaceChildren(panel);
    if (go || had) this.place.querySelector("h2")?.focus();
  }

  /** Screen the draft in `send` mode, and do as the answer says. */
  async send() {
    const open = this.host.getAttribute("on-failure") === "open" && this.stopped?.draft !== this.typed;
    await this.#alone(async () => {
      this.host.preview.interrupt();
      this.host.status.say("checking");
      const { request, key } = this.#once();
      const draft = this.typed;
      const answer = await this.#ask("/screen", request, key);
      if (draft !== this.typed) return this.#changed();
      this.#decide(answer, draft);
    }, open);
  }

  #decide(answer, draft) {
    this.reminders = answer.reminders;
    this.host.show(answer, "send");
    if (answer.pass) return this.#release({ pass: answer.pass, screening_id: answer.screening_id });
    this.stopped = { ...answer, draft };
    this.#put((answer.decision === "block" ? blocked : warned)(answer, this), true);
  }

  /** The request for the draft as it stands; unchanged text keeps its request and its Idempotency-Key. */
  #once() {
    const request = this.host.request("send");
    const asked = JSON.stringify(request);
    if (asked !== this.last.asked) {
      const previous = this.stopped && { previous_screening_id: this.stopped.screening_id };
      this.last = { asked, key: freshKey(), request: { ...request, ...previous } };
    }
    return this.last;
  }

  /** Send a warned draft all the same. */
  async acknowledge(reason) {
    await this.#alone(async () => {
      if (this.typed !== this.stopped.draft) return this.#changed();
      const id = this.stopped.screening_id;
      const { pass } = await this.#ask(`/screenings/${id}/acknowledge`, reason ? { reason } : {});
      this.#release({ pass, screening_id: id });
    });
  }

  /** Contest what stopped the draft. */
  async appeal(message) {
    await this.#alone(async () => {
      const id = this.stopped.screening_id;
      await this.#ask(`/screenings/${id}/appeal`, { message });
      const contested = { id, draft: this.stopped.draft };
      this.host.keeping.keep({ draft: this.host.draft, contested });
      this.#put(appealed("open"), true);
      this.watch.begin(contested);
    });
  }

  /** An appeal was decided; a granted one brings a pass, good for the text that was contested. */
  #answered({ state, note }, { id, draft }, { pass }) {
    this.host.keeping.keep({ contested: null });
    const send = pass && this.typed === draft && (() => this.#release({ pass, screening_id: id }));
    this.#put(appealed(state, send, note));
  }

  #ask(path, body, key) {
    this.life = new AbortController();
    return ask(this.host.endpoint + path, body, { budget: this.host.budget, signal: this.life.signal, key });
  }

  /** One thing at a time; what fails is said, and nothing is lost. `open`: if it fails, the draft goes unscreened. */
  async #alone(work, open = false) {
    if (this.busy) return;
    this.busy = true;
    try {
      await work();
    } catch (error) {
      if (!this.life?.signal.aborted) this.#failed(error, open);
    } finally {
      this.busy = false;
    }
  }

  #failed(error, open) {
    this.host.keeping.keep({ draft: this.host.draft });
    this.host.status.say("away");
    if (error instanceof Refused && error.status < 500) {
      return this.#put(failed("The check did not accept this draft", error.message, this), true);
    }
    if (open) return this.#release({ pass: "", screening_id: "", unscreened: true });
    const text = "Nothing was sent. Your text is kept in this tab.";
    this.#put(failed("The check cannot be reached", text, this), true);
  }

  #changed() {
    this.refused("You changed the text while it was being checked. Press send again.");
    this.host.preview.soon();
  }

  /** Let the form go, with the pass in hidden inputs for the back end that sends it. */
  #release({ pass, screening_id, unscreened = false }) {
    this.unscreened = unscreened;
    this.place.replaceChildren();
    const values = { screening_pass: pass, screening_id, screening_unscreened: unscreened ? "true" : "" };
    for (const field of this.host.fields) if (field.editable) values[field.name] = field.text;
    fillHidden(this.host.form, values);
    if (!this.host.emit("release", { pass, screening_id, unscreened, reminders: this.reminders })) return;
    this.released = true;
    try {
      this.host.form.requestSubmit(this.submitter?.isConnected ? this.submitter : undefined);
    } finally {
      this.released = false;
    }
  }
}
