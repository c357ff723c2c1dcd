// A field of the form, read and written alike whether it is an input, a textarea or contenteditable.
// Offsets are UTF-16 units into `text`, which is what the service is sent and what JavaScript strings count.

export class DraftField {
  /** @param {"support_id"|"subject"|"body"} name @param {HTMLElement} element */
  constructor(name, element) {
    this.name = name;
    this.element = element;
    this.editable = !("value" in element);
  }

  /** The text as it is screened: line ends are LF, half surrogates become U+FFFD as in a submitted form. */
  get text() {
    const raw = this.editable ? this.#pieces().text : /** @type {HTMLTextAreaElement} */ (this.element).value;
    return raw.toWellFormed ? raw.toWellFormed() : raw;
  }

  /** As if it had been typed: the page's own listeners hear of it, also where a framework has put its own `value`. */
  set text(value) {
    if (this.editable) this.element.textContent = value;
    else Object.getOwnPropertyDescriptor(Object.getPrototypeOf(this.element), "value")?.set?.call(this.element, value);
    this.element.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  /** What the page calls it. */
  get label() {
    const { element } = this;
    const label = "labels" in element && /** @type {HTMLInputElement} */ (element).labels?.[0];
    return element.ariaLabel || (label && label.textContent.trim()) || this.name;
  }

  /** The words of [start, end) in a contenteditable field. @returns {Range} */
  range(start, end) {
    const { places } = this.#pieces();
    const range = document.createRange();
    range.selectNodeContents(this.element);
    const from = places.find((place) => start < place.end);
    const to = places.findLast((place) => end > place.start);
    if (from) range.setStart(from.node, Math.max(0, start - from.start));
    if (to) range.setEnd(to.node, Math.min(to.node.length, end - to.start));
    return range;
  }

  /** Put `text` in the place of [start, end) as if it had been typed: Ctrl+Z takes it back. */
  replace(start, end, text) {
    this.element.focus();
    if (this.editable) {
      const selection = getSelection();
      selection?.removeAllRanges();
      selection?.addRange(this.range(start, end));
    } else this.element.setSelectionRange(start, end);
    document.execCommand("insertText", false, text); // the one way that leaves an undo step, in every browser
  }

  /** The text of a contenteditable field, and where each text node stands in it. */
  #pieces() {
    /** @type {{node: Text, start: number, end: number}[]} */
    const places = [];
    let text = "";
    let begun = false;
    let newLine = false;
    const flush = () => {
      if (newLine && begun) text += "\n";
      newLine = false;
      begun = true;
    };
    const visit = (/** @type {Node} */ node) => {
      for (const child of node.childNodes) {
        if (child instanceof Text) {
          if (!child.data) continue;
          flush();
          places.push({ node: child, start: text.length, end: text.length + child.length });
          text += child.data;
        } else if (child.nodeName === "BR") {
          flush();
          if (child.nextSibling) text += "\n"; // a last <br> only holds an empty line open
        } else if (child instanceof Element) {
          const block = !getComputedStyle(child).display.startsWith("inline");
          newLine ||= block;
          visit(child);
          newLine ||= block;
        }
      }
    };
    visit(this.element);
    return { text, places };
  }
}

/** The text of an element that is only read, such as the customer's message. */
export function textOf(/** @type {any} */ element) {
  const typed = typeof element?.value === "string" ? element.value : element?.innerText;
  const raw = (typed ?? "").trim().slice(0, 200000);
  return raw.toWellFormed ? raw.toWellFormed() : raw;
}

/** The draft's fields in a form, by their names or by the selectors in the host's attributes. */
export function fieldsOf(/** @type {HTMLFormElement} */ form, /** @type {HTMLElement} */ host) {
  return ["support_id", "subject", "body"].flatMap((name) => {
    const given = host.getAttribute(name.replace("_", "-"));
    const element = form.querySelector(given ?? `[name="${name}"], [data-name="${name}"]`);
    return element instanceof HTMLElement ? [new DraftField(name, element)] : [];
  });
}
