// Pressing send: a screening in `send` mode, then whatever its decision asks for, then the form goes on its way.
// The focus stays where the merchant has it; what the panel says is announced.

import { AppealWatch } from "./appeal.js";
import { el, grave, nameOf } from "./cards.js";
import { freshKey } from "./exchange.js";
import { emptyHidden, fillHidden } from "./hidden.js";
import { appealed, blocked, declined, edited, failed, failureWords, granted, thanked, warned } from "./panel.js";
import { isDue } from "./status.js";

export class Sending {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.place = el("div");
    this.place.addEventListener("focusout", () => setTimeout(() => this.#overdue()));
    this.busy = false;
    /** The draft is on its way, and the button held until the page says what became of it. */
    this.going = false;
    this.released = false;
    /** The screening that stopped the draft. @type {any} */
    this.stopped = null;
    /** An appeal that was granted: for which draft, and by which screening. */
    this.pardon = null;
    /** The last thing sent for screening: the same draft again is the same screening. */
    this.last = { asked: "", key: "", request: {} };
    this.reminders = [];
    const look = (id) => this.#ask(`/screenings/${id}`);
    this.watch = new AppealWatch(look, (appeal, contested, seen) => this.#answered(appeal, contested, seen));
  }

  get words() {
    return this.host.words;
  }

  /** Whether a press of the send button is being dealt with. */
  get engaged() {
    return this.busy || this.going;
  }

  /** The draft as it stands, as one string. */
  get typed() {
    return JSON.stringify(this.host.draft);
  }

  /** What the merchant has written in the panel about this order's draft: a reason, an appeal. */
  get said() {
    return this.host.kept().said ?? {};
  }

  say(part) {
    this.host.keep({ said: { ...this.said, ...part } });
  }

  /** Whether a reviewer has allowed the draft as it stands. */
  allowed() {
    return this.pardon?.draft === this.typed;
  }

  /** Bring the merchant back to the words at fault. */
  edit() {
    this.host.edit(this.stopped?.findings.find((finding) => finding.start !== null));
  }

  /** The form's submit event: held back until the draft may go. A button that does not send is none of ours. */
  submitted(event) {
    if (this.released) {
      this.gone = event;
      return;
    }
    if (event.submitter?.matches("[data-unscreened], [formnovalidate]")) return emptyHidden(this.host.form);
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.going) return;
    this.submitter = event.submitter;
    this.send();
  }

  /** The draft stands there as a reviewer has allowed it: say so, also where it was only now put back. */
  grant() {
    this.host.clear();
    this.host.status.say("granted");
    if (this.pardon.shown) return;
    this.#put(granted(this.pardon.note, { send: () => this.send(), back: null }, this.words));
    this.pardon.shown = true;
  }

  /** A preview after a stop: say what the edit has changed; not while the merchant writes in the panel. */
  compare(answer) {
    if (this.pardon?.shown) return this.#grantAway();
    if (!this.stopped || this.typed === this.stopped.draft) return;
    this.late = answer;
    if (this.#writing()) return;
    this.late = null;
    const left = grave(answer.findings);
    const names = new Set(left.map(nameOf));
    const cleared = grave(this.stopped.findings).filter((finding) => !names.has(nameOf(finding)));
    this.#put(edited(answer.decision, { cleared, left }, this.words));
  }

  /** An appeal for this order was open when the page was left: look what became of it. */
  resume() {
    const { contested } = this.host.kept();
    if (!contested || contested.id === this.watching) return;
    this.watching = contested.id;
    this.#put(appealed(this.words));
    this.watch.begin(contested, 0);
  }

  thank() {
    this.stopped = this.pardon = null;
    this.last.asked = "";
    this.#hold(false);
    this.#put(thanked(this.reminders.filter((one) => !isDue(one)), this.unscreened, this.words));
  }

  /** It was not sent after all: the host's back end would not. */
  refused(reason) {
    this.last.asked = "";
    this.#hold(false);
    this.host.keep();
    if (this.host.answer) this.host.status.say(...this.host.said);
    this.#put(failed(this.words.refused, reason, null, this.words));
  }

  /** The page is shown again, as the browser had put it away. */
  back() {
    this.last.asked = "";
    this.#hold(false);
    emptyHidden(this.host.form);
    this.host.status.say("idle");
  }

  close() {
    this.stopped = this.pardon = null;
    this.watch.stop();
    this.life?.abort();
    this.#hold(false);
    this.place.replaceChildren();
  }

  /** Show a panel and announce it. The focus stays where it is; only if it was in the panel, it stays in the panel. */
  #put(panel) {
    const had = this.place.contains(this.#focused());
    if (this.pardon) this.pardon.shown = false;
    this.place.replaceChildren(panel);
    const said = [panel.querySelector("h2"), panel.querySelector("p:not(.actions)")].map((one) => one?.textContent).filter(Boolean);
    this.host.status.announce(said.join(". "));
    if (had) panel.querySelector("h2").focus({ preventScroll: true });
  }

  #focused() {
    return /** @type {ShadowRoot} */ (this.place.getRootNode()).activeElement;
  }

  #writing() {
    return this.#focused() instanceof HTMLTextAreaElement && this.place.contains(this.#focused());
  }

  #overdue() {
    if (this.late) this.compare(this.late);
  }

  /** While the draft is on its way, another press does nothing. */
  #hold(on) {
    this.going = on;
    for (const sender of this.host.senders) {
      if (on) sender.setAttribute("aria-disabled", "true");
      else sender.removeAttribute("aria-disabled");
    }
  }

  /** Screen the draft in `send` mode, and do as the answer says. */
  async send() {
    if (!this.host.draft.body.trim()) return this.#put(failed(this.words.refused, this.words.empty, null, this.words));
    await this.#alone(async () => {
      this.host.preview.interrupt();
      this.host.status.say("checking");
      if (this.allowed() && (await this.#pardoned())) return;
      const { request, key } = this.#once();
      const draft = this.typed;
      const answer = await this.#ask("/screen", request, key);
      if (draft !== this.typed) return this.#changed();
      this.#decide(answer, draft);
    }, this.host.getAttribute("on-failure") === "open");
  }

  #decide(answer, draft) {
    this.reminders = answer.reminders ?? [];
    this.host.show(answer, "send");
    if (answer.pass) return this.#release({ pass: answer.pass, screening_id: answer.screening_id });
    this.stopped = { ...answer, draft };
    this.#put((answer.decision === "block" ? blocked : warned)(answer, this));
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
    const { screening_id: id, draft } = this.stopped;
    await this.#alone(async () => {
      await this.#ask(`/screenings/${id}/appeal`, { message });
      const contested = { id, draft };
      this.host.keep({ contested, said: {} });
      this.watching = id;
      this.#put(appealed(this.words));
      this.watch.begin(contested);
    });
  }

  /** An appeal was decided; a granted one brings a pass, good for the text that was contested. */
  #answered({ state, note }, { id, draft }, { pass }) {
    if (state !== "overturned") {
      this.host.keep({ contested: null });
      return this.#put(declined(note, this.words));
    }
    this.pardon = { id, draft, pass, note, shown: false };
    this.stopped = null;
    if (this.allowed()) this.grant();
    else this.#grantAway();
  }

  /** What was allowed is not what stands in the form. */
  #grantAway() {
    const { draft, note } = this.pardon;
    const judged = JSON.parse(draft);
    const { support_id, subject, body } = this.host.draft;
    const back = support_id === judged.support_id && (() => (this.host.fill(judged), this.host.restoring.look(), this.grant()));
    this.#put(granted(note, { send: null, back, empty: !(subject + body).trim() }, this.words));
  }

  /** Release what a reviewer has allowed, by a pass of now. */
  async #pardoned() {
    const { id, pass: first } = this.pardon;
    const seen = await this.#ask(`/screenings/${id}`).catch(() => null);
    const pass = seen ? seen.pass : first;
    if (pass && this.allowed()) this.#release({ pass, screening_id: id });
    return Boolean(pass);
  }

  #ask(path, body, key) {
    this.life = new AbortController();
    return this.host.ask(path, body, { signal: this.life.signal, key });
  }

  /** One thing at a time; what fails is said and can be tried again as it was. `open`: if nothing answers, the draft goes
   * unscreened, unless the last thing that was heard of it is that it is blocked. */
  async #alone(work, open = false) {
    if (this.busy) return;
    this.busy = true;
    try {
      await work();
    } catch (error) {
      if (!this.life?.signal.aborted) this.#failed(error, open, () => this.#alone(work, open));
    } finally {
      this.busy = false;
    }
  }

  #failed(error, open, again) {
    this.host.keep();
    const broken = this.host.broken(error);
    this.host.status.say(broken ? "broken" : "away");
    if (error.status === 409) this.last.asked = "";
    if (open && error.status === undefined && !this.host.blocked && this.stopped?.draft !== this.typed) {
      return this.#release({ pass: "", screening_id: "", unscreened: true });
    }
    const label = (name) => this.host.fields.find((field) => field.name === name)?.label;
    const [heading, text] = failureWords(error, label, this.words);
    this.#put(failed(heading, text, again, this.words));
  }

  #changed() {
    this.refused(this.words.changed);
    this.host.preview.soon();
  }

  /** Let the form go, with the pass in hidden inputs for the back end that sends it. */
  #release({ pass, screening_id, unscreened = false }) {
    this.unscreened = unscreened;
    if (this.place.contains(this.#focused())) (this.submitter ?? this.host.senders[0])?.focus({ preventScroll: true });
    this.place.replaceChildren();
    this.host.status.say("sending");
    const values = { screening_pass: pass, screening_id, screening_unscreened: unscreened ? "true" : "" };
    for (const field of this.host.fields) if (field.editable) values[field.name] = field.text;
    fillHidden(this.host.form, values);
    this.host.forget();
    this.#hold(true);
    if (!this.host.emit("release", { pass, screening_id, unscreened, reminders: this.reminders })) return;
    this.released = true;
    this.gone = null;
    try {
      this.host.form.requestSubmit(this.submitter?.isConnected ? this.submitter : undefined);
    } finally {
      this.released = false;
      if (!this.gone) this.back(); // the browser itself would not: a field is missing
    }
  }
}
