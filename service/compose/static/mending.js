// What may be written instead. Every offer is screened before it is made: it is made only if the draft then gets milder.
// What only the merchant can know is asked, not asserted.

import { button, el, grave } from "./cards.js";
import { applied, merged, removed } from "./replacing.js";

const RANK = { allow: 0, warn: 1, block: 2 };

export class Mending {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    /** Answers to drafts that were tried. @type {Map<string, Promise<any>>} */
    this.tried = new Map();
  }

  /** An element that fills with what is offered for a label, once that is known. */
  slot(label) {
    const { words } = this.host;
    const place = el("div", { className: "mend" }, el("p", { className: "quiet" }, words.looking));
    this.#offers(label).then(
      ({ offers, needless }) =>
        place.replaceChildren(...[needless && el("p", {}, el("b", {}, words.nothing)), ...offers.map((one) => this.#drawn(one, label))].filter(Boolean)),
      () => place.replaceChildren(), // no offer is better than one that was not tried
    );
    return place;
  }

  #drawn({ text, condition, edit }, label) {
    const { words } = this.host;
    const use = button(text ? words.use_text : words.leave_out, () => this.host.mend(edit, label));
    return el("div", { className: "offer" }, condition && el("p", {}, words.only_if, " ", condition), text && el("blockquote", {}, text), use);
  }

  async #offers(label) {
    const { answer } = this.host;
    const marks = this.host.marksOf(label);
    const before = this.host.draft.body;
    if (!marks.length) return { offers: [], needless: false };
    const first = marks.find((mark) => mark.finding.replacements?.length)?.finding ?? marks[0].finding;
    const texts = first.replacements ?? [{ text: first.replacement, condition: this.host.words.only_if_true }];
    const without = removed(before, marks);
    const rest = await this.#screened(applied(before, without));
    const offers = rest.decision === "allow" ? [{ edit: without }] : [];
    const needless = label === "cancellation_probing" && rest.decision !== "allow" && grave(rest.findings).every((one) => !one.label);
    for (const { text, condition } of texts) {
      const edit = await this.#mends(before, marks, text, answer, label);
      if (edit) offers.push({ text, condition, edit });
    }
    return { offers, needless };
  }

  /** The edit by which these words mend the draft, or null. What is still at fault elsewhere goes as well. */
  async #mends(before, marks, text, answer, label) {
    for (let round = 0; round < 2; round++) {
      const edit = merged(before, marks, text);
      const after = await this.#screened(applied(before, edit));
      const left = grave(after.findings).filter((one) => one.label === label);
      const milder = RANK[after.decision] < RANK[answer.decision] || grave(after.findings).length < grave(answer.findings).length;
      if (!left.length) return milder ? edit : null;
      const shift = edit.text.length - (edit.end - edit.start);
      const more = left.flatMap((finding) => {
        if (finding.field !== "body" || finding.start === null) return [];
        const by = finding.start >= edit.start + edit.text.length ? shift : finding.end <= edit.start ? 0 : NaN;
        return Number.isNaN(by) ? [] : [{ start: finding.start - by, end: finding.end - by, finding }];
      });
      if (!more.length) return null;
      marks = [...marks, ...more];
    }
    return null;
  }

  #screened(body) {
    const request = { ...this.host.request("preview"), body };
    const key = JSON.stringify(request);
    const known = this.tried.get(key) ?? this.host.ask("/screen", request);
    this.tried.set(key, known);
    known.catch(() => this.tried.delete(key));
    if (this.tried.size > 20) this.tried.delete(this.tried.keys().next().value);
    return known;
  }
}
