// The quiet status line: a sign, a word, how many notes there are; a screen reader announces only what has changed.

import { WORDS, button, el } from "./cards.js";

export class StatusLine {
  /** `onNotes` is given the button that was used. @param {(notes: HTMLElement) => void} onNotes */
  constructor(onNotes) {
    this.word = el("span", { className: "word" });
    this.notes = button("", () => onNotes(this.notes), "link");
    this.notes.ariaHasPopup = "dialog";
    this.element = el("div", {}, el("span", { className: "sign" }), this.word, this.notes);
    this.live = el("span", { className: "live", role: "status", ariaLive: "polite" });
  }

  /** @param {keyof WORDS} state @param {number} notes */
  say(state, notes = 0) {
    this.element.className = `status ${state}`;
    this.word.textContent = WORDS[state];
    if (state === "checking") return; // the notes stay: the focus may be on them
    this.notes.hidden = !notes;
    this.notes.textContent = notes === 1 ? "1 note" : `${notes} notes`;
    if (state === "idle") return;
    const said = notes ? `${WORDS[state]}. ${this.notes.textContent}.` : WORDS[state];
    if (this.live.textContent !== said) this.live.textContent = said;
  }
}
