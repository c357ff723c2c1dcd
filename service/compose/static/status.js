// The quiet status line: a sign, a word, how many notes there are, and under it what is mere advice. A screen reader
// announces only what has changed.

import { button, el } from "./cards.js";
import { filled } from "./language.js";

/** Whether a reminder is of the hour by which this very reply is due: worth saying before it is sent, not after. */
export const isDue = (reminder) => reminder.late !== undefined;

export class StatusLine {
  /** `onNotes` is given the button that was used.
   * @param {{words: Record<string, string>}} host @param {(notes: HTMLElement) => void} onNotes */
  constructor(host, onNotes) {
    this.host = host;
    this.word = el("span", { className: "word" });
    this.notes = button("", () => onNotes(this.notes), "link");
    this.notes.ariaHasPopup = "dialog";
    this.element = el("div", {}, el("span", { className: "sign" }), this.word, this.notes);
    this.advice = el("div", { className: "advice" });
    this.live = el("span", { className: "live", role: "status", ariaLive: "polite" });
  }

  /** @param {string} state @param {number} notes @param {string[]} advice */
  say(state, notes = 0, advice = []) {
    const { words } = this.host;
    this.last = [state, notes, advice];
    this.element.className = `status ${state}`;
    this.word.textContent = words[state];
    if (state === "checking") return; // the notes stay: the focus may be on them
    this.notes.hidden = !notes;
    this.notes.textContent = notes === 1 ? words.note : filled(words.notes, { n: notes });
    this.advice.replaceChildren(...[...new Set(advice)].map((text) => el("p", {}, text)));
    if (state === "idle") return;
    this.announce([words[state], notes && `${this.notes.textContent}.`, ...advice].filter(Boolean).join(notes || advice.length ? ". " : "").replace("..", "."));
  }

  /** The same again, in other words. */
  again() {
    this.say(...this.last);
  }

  announce(text) {
    if (this.live.textContent !== text) this.live.textContent = text;
  }
}
