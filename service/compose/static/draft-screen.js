// <draft-screen>: screens the drafts of one form while they are typed and when they are sent.
// Attributes, properties, methods and events are described in draft-screen.d.ts.

import { fieldsOf } from "./fields.js";
import { Keeping } from "./keeping.js";
import { Popover } from "./popover.js";
import { Preview } from "./preview.js";
import { merged } from "./replacing.js";
import { Sending } from "./sending.js";
import { StatusLine } from "./status.js";
import { sheet } from "./style.js";
import { Underlines } from "./underlines.js";

export class DraftScreen extends HTMLElement {
  order = null;
  #root = this.attachShadow({ mode: "open" });
  #life = new AbortController();
  /** @type {import("./fields.js").DraftField[]} */ fields = [];
  /** @type {Map<string, Underlines>} */ #underlines = new Map();
  /** @type {Record<string, string>} */ #texts = {};

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

  get draft() {
    return /** @type {any} */ (Object.fromEntries(this.fields.map((field) => [field.name, field.text])));
  }

  attach() {
    this.detach();
    const id = this.getAttribute("for");
    this.form = /** @type {HTMLFormElement | null} */ (id ? document.getElementById(id) : this.closest("form"));
    if (!this.form) return;
    this.#life = new AbortController();
    this.fields = fieldsOf(this.form, this);
    this.keeping = new Keeping(this.getAttribute("keep-as") ?? `${location.pathname}#${this.form.id}`);
    this.preview = new Preview(this);
    this.sending = new Sending(this);
    this.#build();
    this.#listen();
    this.#restore();
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
    this.keeping.forget();
    this.preview.interrupt();
    this.#restore();
    this.blank();
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
    return { ...this.draft, mode, offset_encoding: "utf-16", ...known };
  }

  /** Show an answer to the draft as it stands. */
  show(answer, mode) {
    this.answer = answer;
    for (const [name, underlines] of this.#underlines) {
      const here = answer.findings.filter((finding) => finding.field === name && finding.end > finding.start);
      underlines.show(here.map((finding) => ({ start: finding.start, end: finding.end, finding })));
    }
    this.status.say(answer.decision, answer.findings.length);
    this.pop.refresh(answer.findings);
    this.emit("verdict", { mode, answer });
  }

  /** No draft, no verdict. */
  blank() {
    this.#underlines.forEach((underlines) => underlines.show([]));
    this.pop.close();
    this.preview.seen = "";
    this.status.say("idle");
  }

  emit(name, detail) {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    return this.dispatchEvent(new CustomEvent(`draft-screen-${name}`, options));
  }

  /** Put the offered words, once, in the place of all the sentences that they are offered for, as far as these
   * still stand where they were found. */
  replace({ field: name, replacement }) {
    const field = this.fields.find((one) => one.name === name);
    const marks = this.#underlines.get(name)?.marks.filter((mark) => mark.finding.replacement === replacement) ?? [];
    this.pop.close();
    if (!marks.length) return;
    field?.replace(...merged(field.text, marks, replacement));
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
    this.status = new StatusLine((notes) => this.pop.open(this.answer.findings, notes.getBoundingClientRect(), "", notes));
    this.pop = new Popover(this);
    this.#root.append(this.status.element, this.status.live, this.sending.place, this.pop.element);
    for (const field of this.fields) this.#underlines.set(field.name, new Underlines(field, this, this.#root));
    this.status.say("idle");
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
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.pop.dismiss(), { signal });
    const cover = () => this.#underlines.forEach((underlines) => underlines.cover());
    document.addEventListener("scroll", cover, { signal, capture: true, passive: true });
    const resized = new ResizeObserver(cover);
    for (const element of [this, this.form, document.body]) resized.observe(element);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  /** Give back what was kept, where a field is empty. */
  #restore() {
    const { draft = {} } = this.keeping.read();
    for (const field of this.fields) {
      if (!field.text && draft[field.name]) field.text = draft[field.name];
      this.#texts[field.name] = field.text;
    }
  }

  #typed(field) {
    const { text } = field;
    this.#underlines.get(field.name)?.edited(this.#texts[field.name], text);
    this.#texts[field.name] = text;
    this.keeping.keep({ draft: this.draft });
    this.pop.close(field.name);
    this.preview.soon();
  }

  #pointed(field, event) {
    const { marks, box } = this.#underlines.get(field.name)?.at(event.clientX, event.clientY) ?? {};
    if (marks?.length) this.pop.open(marks.map((mark) => mark.finding), box, field.name);
  }

  #wasReset() {
    this.keeping.forget();
    this.preview.interrupt();
    this.sending.close();
    this.#restore();
    this.blank();
  }
}

if (!customElements.get("draft-screen")) customElements.define("draft-screen", DraftScreen);
