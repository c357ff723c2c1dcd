// Underlines over one field: a layer laid on the field, never inside it, that follows its scrolling and its size.

import { el, pin } from "./cards.js";

const COPIED = (
  "direction font-family font-size font-style font-weight font-stretch font-variant " +
  "letter-spacing line-height tab-size text-align text-indent text-transform " +
  "unicode-bidi word-break word-spacing padding"
).split(" ");

/** @typedef {{start: number, end: number, finding: import("./draft-screen.js").Finding}} Mark */

export class Underlines {
  /** `host` is what the layer is placed against, `root` its shadow root.
   * @param {import("./fields.js").DraftField} field @param {HTMLElement} host @param {ShadowRoot} root */
  constructor(field, host, root) {
    this.field = field;
    this.host = host;
    /** @type {Mark[]} */
    this.marks = [];
    this.mirror = el("div", { className: "mirror" });
    this.lines = el("div");
    this.layer = el("div", { className: "layer", ariaHidden: "true" }, this.mirror, this.lines);
    root.append(this.layer);
    this.frame = 0;
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(field.element);
    this.follow = () => this.#scroll();
    field.element.addEventListener("scroll", this.follow, { passive: true });
  }

  /** Show these marks from the next frame on. @param {Mark[]} marks */
  show(marks) {
    if (!marks.length && !this.marks.length) return;
    this.marks = marks;
    this.redraw();
  }

  /** Move the marks with an edit from `before` to `after`; a mark whose words were touched goes. */
  edited(before, after) {
    if (!this.marks.length || before === after) return;
    const most = Math.min(before.length, after.length);
    let head = 0;
    while (head < most && before[head] === after[head]) head++;
    let tail = 0;
    while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
    const shift = after.length - before.length;
    const touched = before.length - tail;
    this.show(
      this.marks.flatMap((mark) => {
        if (mark.end <= head) return [mark];
        return mark.start >= touched ? [{ ...mark, start: mark.start + shift, end: mark.end + shift }] : [];
      }),
    );
  }

  /** The marks under a point of the window. */
  at(x, y) {
    const hit = [...this.lines.children].filter((line) => {
      const box = line.getBoundingClientRect();
      return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    });
    const found = new Set(hit.map((line) => Number(/** @type {HTMLElement} */ (line).dataset.mark)));
    return { marks: this.marks.filter((_, index) => found.has(index)), box: hit[0]?.getBoundingClientRect() };
  }

  /** Lay the layer on the field's padding box. */
  cover() {
    if (!this.marks.length) return;
    const { element } = this.field;
    const box = element.getBoundingClientRect();
    const host = this.host.getBoundingClientRect();
    pin(this.layer, {
      left: box.left + element.clientLeft - host.left,
      top: box.top + element.clientTop - host.top,
      width: element.clientWidth,
      height: element.clientHeight,
    });
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw();
    });
  }

  remove() {
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    this.field.element.removeEventListener("scroll", this.follow);
    this.layer.remove();
  }

  #draw() {
    this.layer.hidden = !this.marks.length;
    if (!this.marks.length) {
      this.lines.replaceChildren();
      return;
    }
    this.cover();
    const texts = this.field.editable ? null : this.#reflect();
    const origin = this.#origin();
    const lines = this.marks.flatMap((mark, index) => {
      const range = texts ? document.createRange() : this.field.range(mark.start, mark.end);
      if (texts) {
        range.setStart(texts, Math.min(mark.start, texts.length));
        range.setEnd(texts, Math.min(mark.end, texts.length));
      }
      return [...range.getClientRects()].filter((box) => box.width).map((box) => this.#line(box, origin, mark, index));
    });
    this.lines.replaceChildren(...lines);
    this.#scroll();
  }

  /** Set the text once more, unseen, exactly as the field breaks it. @returns {Text} */
  #reflect() {
    const { element } = this.field;
    const computed = getComputedStyle(element);
    for (const name of COPIED) this.mirror.style.setProperty(name, computed.getPropertyValue(name));
    pin(this.mirror, { width: element.clientWidth });
    const line = element instanceof HTMLInputElement;
    this.mirror.style.setProperty("white-space", line ? "pre" : "pre-wrap");
    if (line) {
      const inner = element.clientHeight - parseFloat(computed.paddingTop) - parseFloat(computed.paddingBottom);
      pin(this.mirror, { "line-height": inner });
    }
    this.mirror.textContent = this.field.text + "\u200b"; // a last line end needs something to break before
    return /** @type {Text} */ (this.mirror.firstChild);
  }

  #origin() {
    const { element } = this.field;
    const box = (this.field.editable ? element : this.mirror).getBoundingClientRect();
    if (!this.field.editable) return { x: box.left, y: box.top };
    return {
      x: box.left + element.clientLeft - element.scrollLeft,
      y: box.top + element.clientTop - element.scrollTop,
    };
  }

  #line(box, origin, mark, index) {
    const line = el("div", { className: `line ${mark.finding.severity}` });
    line.dataset.mark = String(index);
    pin(line, { left: box.left - origin.x, top: box.top - origin.y, width: box.width, height: box.height });
    return line;
  }

  #scroll() {
    const { scrollLeft, scrollTop } = this.field.element;
    this.lines.style.setProperty("transform", `translate(${-scrollLeft}px, ${-scrollTop}px)`);
  }
}
