// The popover: findings beside the words they are about. Opened only by the merchant's own click or key.

import { button, cards, el, nameOf, pin } from "./cards.js";

export class Popover {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.cards = el("div");
    const close = button("Close", () => this.dismiss(), "link close");
    this.element = el("div", { className: "pop", role: "dialog", ariaLabel: "Notes on your draft", hidden: true, tabIndex: -1 });
    this.element.append(close, this.cards);
    this.findings = [];
  }

  /** Open under the words in `box` (of the window), with the focus left in `field`; or, where an `opener` was used,
   * by mouse or key, go into the popover and come back to it. */
  open(findings, box, field, opener) {
    const host = this.host.getBoundingClientRect();
    this.field = field;
    this.#fill(findings);
    this.element.hidden = false;
    const left = Math.min(box.left - host.left, host.width - this.element.offsetWidth);
    pin(this.element, { left: Math.max(0, left), top: box.bottom - host.top + 6 });
    this.opener = opener;
    if (opener) this.element.focus();
  }

  /** A new answer: show what is left of the findings shown. */
  refresh(findings) {
    if (this.element.hidden) return;
    const shown = new Set(this.findings.map(nameOf));
    const left = this.field ? findings.filter((finding) => shown.has(nameOf(finding))) : findings;
    if (left.length) this.#fill(left);
    else this.close();
  }

  /** Close; given a field, only if the popover is about that field. */
  close(field) {
    if (field === undefined || field === this.field) this.element.hidden = true;
  }

  /** Close after a press elsewhere. */
  outside(event) {
    if (!event.composedPath().includes(this.element)) this.close();
  }

  /** Close and go back to where it was opened from. */
  dismiss() {
    if (this.element.hidden) return;
    this.close();
    this.opener?.focus();
  }

  #fill(findings) {
    this.findings = findings;
    this.cards.replaceChildren(el("div", {}, ...cards(findings, (one) => this.host.replace(one))));
  }
}
