// The popover: findings beside the words they are about. Opened only by the merchant's own click or key; it stays within
// the window and off the form's send button.

import { button, cards, el, nameOf, pin, zoomOf } from "./cards.js";

const GAP = 6;
const LOW = 160;

export class Popover {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.cards = el("div");
    this.shut = button("", () => this.dismiss(), "link close");
    this.element = el("div", { className: "pop", role: "dialog", hidden: true, tabIndex: -1 }, this.shut, this.cards);
    this.rename();
    this.element.addEventListener("focusout", (event) => this.#left(event));
    this.findings = [];
    new ResizeObserver(() => this.place()).observe(this.cards);
  }

  /** Its own words, in the host's language. */
  rename() {
    this.shut.textContent = this.host.words.close;
    this.element.ariaLabel = this.host.words.notes_title;
  }

  /** Open by the words in `box()` (of the window), with the focus left in `field`; or, where an `opener` was used,
   * by mouse or key, go into the popover and come back to it. @param {() => DOMRect | undefined} box */
  open(findings, box, field, opener) {
    this.field = field;
    this.box = box;
    this.#fill(findings);
    this.element.hidden = false;
    this.place();
    this.opener = opener;
    if (opener) this.element.focus({ preventScroll: true });
  }

  /** Where there is room: under the words or above them, between the window's edges and the send button. */
  place() {
    const words = this.element.hidden ? undefined : this.box?.();
    if (!words) return;
    const zoom = zoomOf(this.host);
    const host = this.host.getBoundingClientRect();
    const { clientWidth: wide, clientHeight: high } = document.documentElement;
    const width = Math.min(416 * zoom, wide - 2 * GAP);
    const left = Math.max(GAP, Math.min(words.left, wide - width - GAP));
    const ahead = this.host.senders.map((sender) => sender.getBoundingClientRect()).filter((one) => one.left < left + width && one.right > left);
    const floor = Math.min(high - GAP, ...ahead.filter((one) => one.top >= words.bottom).map((one) => one.top - GAP));
    const ceiling = Math.max(GAP, ...ahead.filter((one) => one.bottom <= words.top).map((one) => one.bottom + GAP));
    const [under, above] = [floor - words.bottom - GAP, words.top - ceiling - GAP];
    pin(this.element, { width: width / zoom, "max-height": 416 });
    const wanted = Math.min(this.element.scrollHeight + 2, 416) * zoom;
    const down = under >= wanted || (under >= above && under >= LOW);
    const room = Math.max(down ? under : above, LOW);
    const height = Math.min(wanted, room);
    const top = down ? words.bottom + GAP : words.top - GAP - height;
    pin(this.element, { left: (left - host.left) / zoom, top: (Math.max(GAP, top) - host.top) / zoom, "max-height": height / zoom });
  }

  /** A new answer: show what is left of the findings shown. */
  refresh(findings) {
    if (this.element.hidden) return;
    const shown = new Set(this.findings.map(nameOf));
    const left = this.field ? findings.filter((finding) => shown.has(nameOf(finding))) : findings;
    if (!left.length) this.close();
    else if (left.map(nameOf).join() !== this.findings.map(nameOf).join()) this.#fill(left);
  }

  /** Close; given a field, only if the popover is about that field. */
  close(field) {
    if (field === undefined || field === this.field) this.element.hidden = true;
  }

  /** Close after a press elsewhere. */
  outside(event) {
    if (!event.composedPath().includes(this.element)) this.close();
  }

  /** Escape goes back to where it was opened from; Tab, pressed outside, goes on without it. */
  key(event) {
    if (event.key === "Escape") this.dismiss();
    else if (event.key === "Tab" && !event.composedPath().includes(this.element)) this.close();
  }

  /** Close and go back to where it was opened from. */
  dismiss() {
    if (this.element.hidden) return;
    this.close();
    this.opener?.focus();
  }

  /** The focus has gone on to something else. */
  #left({ relatedTarget }) {
    if (relatedTarget && !this.element.contains(relatedTarget)) this.close();
  }

  #fill(findings) {
    this.findings = findings;
    this.cards.replaceChildren(el("div", {}, ...cards(findings, this.host)));
  }
}
