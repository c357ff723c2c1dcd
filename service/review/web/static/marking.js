// Evidence by selecting words of the draft. Offsets are code points of the text as typed.

const codePoints = (text) => [...text].length;

// The offset of a place in the page within its field: what stands before it, without the words meant for screen readers.
const offset = (area, node, at) => {
  let total = 0;
  const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (text.parentElement.closest("[data-aside]")) continue;
    if (text === node) return total + codePoints(text.data.slice(0, at));
    if (node.nodeType === Node.ELEMENT_NODE && (node.childNodes[at] ?? null) !== null && node.childNodes[at].contains(text)) return total;
    if (node.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING && !node.contains(text)) return total;
    total += codePoints(text.data);
  }
  return total;
};

const fieldText = (area) => {
  const copy = area.cloneNode(true);
  copy.querySelectorAll("[data-aside]").forEach((e) => e.remove());
  return copy.textContent;
};

const chosenPassage = () => {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const of = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("[data-field]");
  const area = of(range.startContainer);
  if (!area || of(range.endContainer) !== area) return null;
  const letters = [...fieldText(area)];
  let [start, end] = [offset(area, range.startContainer, range.startOffset), offset(area, range.endContainer, range.endOffset)];
  while (start < end && /\s/u.test(letters[start])) start += 1;
  while (end > start && /\s/u.test(letters[end - 1])) end -= 1;
  return start < end ? { field: area.dataset.field, start, end, text: letters.slice(start, end).join("") } : null;
};

export const startMarking = (form) => {
  const panel = document.querySelector("#marking");
  const list = document.querySelector("#marks");
  const boxes = [...form.querySelectorAll("input[name=label]")];
  const words = ({ field, start, end }) => {
    const area = document.querySelector(`#draft [data-field="${field}"]`);
    return area ? [...fieldText(area)].slice(start, end).join("") : "";
  };
  let marks = JSON.parse(form.elements.evidence.value || "[]").map((mark) => ({ ...mark, text: words(mark) }));
  let passage = null;

  const draw = () => {
    form.elements.evidence.value = JSON.stringify(marks.map(({ field, start, end, label }) => ({ field, start, end, label })));
    form.elements.evidence.dispatchEvent(new Event("change"));
    document.querySelector("#marks-none").hidden = marks.length > 0;
    list.replaceChildren(...marks.map((mark, index) => {
      const item = document.createElement("li"), words = document.createElement("q"), drop = document.createElement("button");
      words.textContent = mark.text ?? "";
      drop.type = "button";
      drop.className = "plain small";
      drop.textContent = "Remove";
      drop.setAttribute("aria-label", `Remove the evidence ${mark.text ?? ""}`);
      drop.addEventListener("click", () => { marks = marks.filter((_, other) => other !== index); draw(); });
      item.append(words, ` ${boxes.find((box) => box.value === mark.label).dataset.says}`, drop);
      return item;
    }));
  };
  const drop = () => { passage = null; panel.hidden = true; getSelection().removeAllRanges(); };
  const mark = (label) => {
    marks.push({ ...passage, label });
    const box = boxes.find((other) => other.value === label);
    if (!box.checked) box.click();
    drop();
    draw();
  };

  document.addEventListener("selectionchange", () => {
    passage = chosenPassage();
    panel.hidden = !passage;
    if (passage) panel.querySelector("[data-words]").textContent = passage.text.length > 80 ? `${passage.text.slice(0, 77)}…` : passage.text;
  });
  panel.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
  panel.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.mark) mark(button.dataset.mark); else if (button) drop();
  });

  let walking = false;
  const walk = () => {
    const area = document.querySelector("#draft [data-field=body]");
    const first = area.querySelector("mark") ?? area.firstChild ?? area;
    area.closest("#draft").focus();
    getSelection().setPosition(first.firstChild ?? first, 0);
    getSelection().modify("extend", "forward", "word");
    walking = true;
  };
  document.querySelector("#mark-words").addEventListener("click", walk);

  document.addEventListener("keydown", (event) => {
    if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
    if (walking && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      event.preventDefault();
      const way = event.key === "ArrowRight" ? "forward" : "backward";
      if (event.shiftKey) { getSelection().modify("extend", way, "word"); return; }
      getSelection().collapseToEnd();
      getSelection().modify("move", way, "word");
      getSelection().modify("extend", "forward", "word");
    } else if (passage && /^[1-6]$/.test(event.key)) {
      event.preventDefault(); // the key gives a label to the words, not to the draft
      walking = false;
      mark(boxes[Number(event.key) - 1].value);
    } else if (event.key === "Escape" && (passage || walking)) {
      event.preventDefault(); // what is marked is dropped; the case stays open
      walking = false;
      drop();
    }
  }, true);
  draw();
};
