// <draft-screen>: screens the drafts of one form while they are typed and when they are sent.
// Attributes, properties, methods and events are described in draft-screen.d.ts.

import { grave } from "./cards.js";
import { Refused, ask, atFault } from "./exchange.js";
import { fieldsOf, textOf } from "./fields.js";
import { Keeping, nameOfForm } from "./keeping.js";
import { ENGLISH, languageOf, wordsOf } from "./language.js";
import { Mending } from "./mending.js";
import { Popover } from "./popover.js";
import { Preview } from "./preview.js";
import { Restoring } from "./restoring.js";
import { Sending } from "./sending.js";
import { StatusLine, isDue } from "./status.js";
import { sheet } from "./style.js";
import { Underlines } from "./underlines.js";

export class DraftScreen extends HTMLElement {
  order = null;
  #root = this.attachShadow({ mode: "open" });
  #life = new AbortController();
  /** @type {import("./fields.js").DraftField[]} */ fields = [];
  /** @type {Map<string, Underlines>} */ #underlines = new Map();
  /** @type {Record<string, string>} */ #texts = {};
  words = ENGLISH;
  language = "en";
  /** Whether the last thing that was heard of this draft is that it is blocked. */
  blocked = false;
  /** Whether the merchant has typed since the form was shown. */
  typedIn = false;

  connectedCallback() {
    this.#root.adoptedStyleSheets = [sheet];
    this.attach();
  }

  disconnectedCallback() {
    this.detach();
  }

  get endpoint() {
    return (this.getAttribute("endpoint") ?? "").replace(/\/$/, "");
  }

  get pause() {
    return Number(this.getAttribute("pause") ?? 400);
  }

  get budget() {
    return Number(this.getAttribute("budget") ?? 8000);
  }

  /** The draft as it stands; a reply is under the subject of its ticket and may have none of its own. */
  get draft() {
    const texts = Object.fromEntries(this.fields.map((field) => [field.name, field.text]));
    return /** @type {any} */ (this.thread ? { subject: "", ...texts } : texts);
  }

  /** What a reply answers, and when it came; null for a new ticket. */
  get thread() {
    if (this.getAttribute("context") !== "reply") return null;
    const place = this.getAttribute("customer-message");
    const received_at = this.getAttribute("received-at");
    const customer_message = place && textOf(document.querySelector(place));
    return { context: "reply", ...(customer_message && { customer_message }), ...(received_at && { received_at }) };
  }

  /** The form's buttons that send. @returns {HTMLElement[]} */
  get senders() {
    const buttons = /** @type {any[]} */ ([...(this.form?.elements ?? [])]);
    return buttons.filter((one) => ["submit", "image"].includes(one.type) && !one.matches("[data-unscreened], [formnovalidate]"));
  }

  attach() {
    this.detach();
    const id = this.getAttribute("for");
    this.form = /** @type {HTMLFormElement | null} */ (id ? document.getElementById(id) : this.closest("form"));
    if (!this.form) return;
    this.#life = new AbortController();
    this.fields = fieldsOf(this.form, this);
    this.keeping = new Keeping(this.getAttribute("keep-as") ?? nameOfForm(this.form));
    this.preview = new Preview(this);
    this.sending = new Sending(this);
    this.mending = new Mending(this);
    this.#build();
    this.#listen();
    this.#texts = this.draft;
    this.#speak();
    this.restoring.look();
    this.sending.resume();
    this.preview.soon();
  }

  detach() {
    this.#life.abort();
    this.preview?.interrupt();
    this.sending?.close();
    this.#underlines.forEach((underlines) => underlines.remove());
    this.#underlines.clear();
    this.#root.replaceChildren();
  }

  check() {
    return this.preview?.now();
  }

  sent() {
    this.forget();
    this.preview.interrupt();
    this.#texts = this.draft;
    this.blank();
    this.restoring.close();
    this.status.say("sent");
    this.sending.thank();
  }

  refuse(reason) {
    this.sending?.refused(reason);
  }

  /** The body of a request about the draft as it stands. */
  request(mode) {
    const merchant = this.getAttribute("merchant-id");
    const known = { ...(this.order && { order: this.order }), ...(merchant && { merchant_id: merchant }) };
    return { ...this.draft, ...this.thread, mode, offset_encoding: "utf-16", ...known };
  }

  /** Ask the service. Rejects as `ask` of exchange.js does; an answer that is none counts as a broken proxy.
   * @param {object | null} [body] @param {{signal?: AbortSignal, key?: string}} [options] */
  async ask(path, body = null, options = {}) {
    const answer = await ask(this.endpoint + path, body, { budget: this.budget, language: this.language, ...options });
    if (path === "/screen" && !Array.isArray(answer?.findings)) throw new Refused(0, { detail: "no findings" });
    return answer;
  }

  /** Whether it is the proxy that fails; if so, whoever built the page is told. */
  broken(error) {
    return atFault(error, this.endpoint);
  }

  /** Show an answer to the draft as it stands. */
  show(answer, mode) {
    this.answer = answer;
    this.blocked = answer.decision === "block";
    if (this.typedIn) this.keep();
    for (const [name, underlines] of this.#underlines) {
      const here = grave(answer.findings).filter((finding) => finding.field === name && finding.end > finding.start);
      underlines.show(here.map((finding) => ({ start: finding.start, end: finding.end, finding })));
    }
    const quiet = [...answer.findings.filter((finding) => finding.severity === "info"), ...(answer.reminders ?? []).filter(isDue)];
    const advice = quiet.map((one) => one.message);
    this.said = [answer.decision, grave(answer.findings).length, advice];
    this.status.say(...this.said);
    this.pop.refresh(grave(answer.findings));
    this.emit("verdict", { mode, answer });
  }

  /** No draft, no verdict. */
  blank() {
    this.clear();
    this.preview.seen = "";
    this.blocked = false;
    this.status.say("idle");
  }

  /** Nothing is underlined. */
  clear() {
    this.#underlines.forEach((underlines) => underlines.show([]));
    this.pop.close();
  }

  emit(name, detail) {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    return this.dispatchEvent(new CustomEvent(`draft-screen-${name}`, options));
  }

  /** What is kept for the order of the form. */
  kept() {
    return this.keeping.read(this.draft.support_id);
  }

  keep(part = {}) {
    const { draft, blocked } = this;
    const words = (draft.subject + draft.body).trim() && { draft, blocked }; // an empty form overwrites nothing
    this.keeping.keep(draft.support_id, { ...words, ...part });
  }

  forget() {
    this.typedIn = false;
    for (const id of [this.keeping.id, this.draft.support_id]) if (id !== null) this.keeping.forget(id);
  }

  /** Put a whole draft into the form, all but its Support ID. */
  fill(draft) {
    for (const field of this.fields) {
      if (field.name !== "support_id" && draft[field.name] !== undefined) field.text = draft[field.name];
    }
    this.check();
  }

  /** The marks of a label's findings in the body, where they stand now. */
  marksOf(label) {
    return (this.#underlines.get("body")?.marks ?? []).filter((mark) => mark.finding.label === label);
  }

  /** Make an offered edit, as far as the words for which it was tried still stand. */
  mend(edit, label) {
    const field = this.fields.find((one) => one.name === "body");
    this.pop.close();
    if (!field || !this.marksOf(label).length) return;
    field.replace(edit.start, edit.end, edit.text);
    this.check();
  }

  /** Bring the merchant to the words at fault, or to the first field. */
  edit(finding) {
    const field = this.fields.find((one) => one.name === (finding?.field ?? "body"));
    field?.element.focus();
    const mark = this.#underlines.get(field?.name ?? "")?.marks[0];
    if (mark && !field?.editable) field?.element.setSelectionRange(mark.start, mark.end);
  }

  #build() {
    this.status = new StatusLine(this, (notes) => this.pop.open(grave(this.answer.findings), () => notes.getBoundingClientRect(), "", notes));
    this.pop = new Popover(this);
    this.restoring = new Restoring(this);
    const { status, restoring, sending, pop } = this;
    this.#root.append(status.element, status.advice, status.live, restoring.element, sending.place, pop.element);
    for (const field of this.fields) this.#underlines.set(field.name, new Underlines(field, this, this.#root));
    this.status.say("idle");
  }

  /** Say all in the language of the page, once its words are here. */
  async #speak() {
    this.language = languageOf(this);
    const { signal } = this.#life;
    const words = await wordsOf(this.language);
    if (signal.aborted || words === this.words) return;
    this.words = words;
    this.pop.rename();
    this.status.again();
    this.restoring.look();
  }

  #listen() {
    const { signal } = this.#life;
    for (const field of this.fields) {
      field.element.addEventListener("input", () => this.#typed(field), { signal });
      field.element.addEventListener("click", (event) => this.#pointed(field, event), { signal });
      field.element.addEventListener("scroll", () => this.pop.close(field.name), { signal, passive: true });
    }
    this.form.addEventListener("submit", (event) => this.sending.submitted(event), { signal, capture: true });
    this.form.addEventListener("reset", () => setTimeout(() => this.#wasReset()), { signal });
    document.addEventListener("pointerdown", (event) => this.pop.outside(event), { signal });
    document.addEventListener("keydown", (event) => this.pop.key(event), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.sending.back(), { signal });
    const cover = () => {
      this.#underlines.forEach((underlines) => underlines.cover());
      this.pop.place();
    };
    document.addEventListener("scroll", cover, { signal, capture: true, passive: true });
    const resized = new ResizeObserver(cover);
    for (const element of [this, this.form, document.body]) resized.observe(element);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  #typed(field) {
    const { text } = field;
    this.#underlines.get(field.name)?.edited(this.#texts[field.name], text);
    this.#texts[field.name] = text;
    this.pop.close(field.name);
    if (field.name === "support_id") {
      this.restoring.moved();
      this.sending.resume();
    }
    const { draft } = this;
    if (this.typedIn || field.name !== "support_id") {
      this.typedIn = Boolean((draft.subject + draft.body).trim());
      if (this.typedIn) this.keep();
      else this.forget();
    }
    this.preview.soon();
  }

  #pointed(field, event) {
    const underlines = this.#underlines.get(field.name);
    const marks = underlines?.at(event.clientX, event.clientY) ?? [];
    if (!marks.length) return;
    const same = underlines.marks.filter((mark) => marks.includes(mark));
    this.pop.open(same.map((mark) => mark.finding), () => underlines.box(same[0]), field.name);
  }

  #wasReset() {
    this.forget();
    this.preview.interrupt();
    this.sending.close();
    this.restoring.close();
    this.#texts = this.draft;
    this.blank();
  }
}

if (!customElements.get("draft-screen")) customElements.define("draft-screen", DraftScreen);
