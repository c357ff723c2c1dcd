// Underlines over one field: a layer laid on the field, never inside it, that follows its scrolling and its size.

import { el, pin, zoomOf } from "./cards.js";

const COPIED = (
  "direction font-family font-size font-style font-weight font-stretch font-variant " +
  "letter-spacing line-height tab-size text-align text-indent text-transform " +
  "unicode-bidi word-break word-spacing padding scrollbar-width scrollbar-gutter " +
  "border-left-width border-right-width border-top-width"
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
    return this.marks.filter((_, index) => found.has(index));
  }

  /** Where a mark's words stand now, in the window. */
  box(mark) {
    const index = this.marks.findIndex((one) => one.finding === mark.finding);
    return this.lines.querySelector(`[data-mark="${index}"]`)?.getBoundingClientRect();
  }

  /** Lay the layer on the field's padding box; borders may be fractions of a pixel where the page is zoomed. */
  cover() {
    if (!this.marks.length) return;
    const zoom = zoomOf(this.host);
    const box = this.field.element.getBoundingClientRect();
    const host = this.host.getBoundingClientRect();
    const { left, top, right, bottom } = this.#borders();
    pin(this.layer, {
      left: (box.left - host.left) / zoom + left,
      top: (box.top - host.top) / zoom + top,
      width: box.width / zoom - left - right,
      height: box.height / zoom - top - bottom,
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
    const zoom = zoomOf(this.host);
    const origin = this.#origin(zoom);
    const lines = this.marks.flatMap((mark, index) => {
      const range = texts ? document.createRange() : this.field.range(mark.start, mark.end);
      if (texts) {
        range.setStart(texts, Math.min(mark.start, texts.length));
        range.setEnd(texts, Math.min(mark.end, texts.length));
      }
      return [...range.getClientRects()].filter((box) => box.width).map((box) => this.#line(box, origin, mark, index, zoom));
    });
    this.lines.replaceChildren(...lines);
    this.#scroll();
  }

  /** Set the text once more, unseen, exactly as the field breaks it: in a box of the same size, borders and scroll bar.
   * @returns {Text} */
  #reflect() {
    const { element } = this.field;
    const computed = getComputedStyle(element);
    for (const name of COPIED) this.mirror.style.setProperty(name, computed.getPropertyValue(name));
    const { left, top } = this.#borders();
    pin(this.mirror, { left: -left, top: -top, width: element.getBoundingClientRect().width / zoomOf(this.host) });
    const line = element instanceof HTMLInputElement;
    this.mirror.style.setProperty("white-space", line ? "pre" : "pre-wrap");
    const scrolls = !line && computed.overflowY !== "hidden" && element.scrollHeight > element.clientHeight;
    this.mirror.style.setProperty("overflow-y", scrolls || computed.overflowY === "scroll" ? "scroll" : "hidden");
    if (line) {
      const inner = element.clientHeight - parseFloat(computed.paddingTop) - parseFloat(computed.paddingBottom);
      pin(this.mirror, { "line-height": inner });
    }
    this.mirror.textContent = this.field.text + "\u200b"; // a last line end needs something to break before
    return /** @type {Text} */ (this.mirror.firstChild);
  }

  #borders() {
    const computed = getComputedStyle(this.field.element);
    const of = (side) => parseFloat(computed.getPropertyValue(`border-${side}-width`)) || 0;
    return { left: of("left"), top: of("top"), right: of("right"), bottom: of("bottom") };
  }

  /** Where the padding box of the text begins, in the window. */
  #origin(zoom) {
    const { element } = this.field;
    const box = (this.field.editable ? element : this.mirror).getBoundingClientRect();
    const { left, top } = this.#borders();
    const { scrollLeft, scrollTop } = this.field.editable ? element : { scrollLeft: 0, scrollTop: 0 };
    return { x: box.left + (left - scrollLeft) * zoom, y: box.top + (top - scrollTop) * zoom };
  }

  #line(box, origin, mark, index, zoom) {
    const line = el("div", { className: `line ${mark.finding.severity}` });
    line.dataset.mark = String(index);
    pin(line, {
      left: (box.left - origin.x) / zoom,
      top: (box.top - origin.y) / zoom,
      width: box.width / zoom,
      height: box.height / zoom,
    });
    return line;
  }

  #scroll() {
    const { scrollLeft, scrollTop } = this.field.element;
    this.lines.style.setProperty("transform", `translate(${-scrollLeft}px, ${-scrollTop}px)`);
  }
}
