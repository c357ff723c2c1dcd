// Why a passage is marked: shown at the mark on hover and on focus, and the finding it belongs to is lit.

export const showHints = (draft, tip) => {
  if (!draft) return;
  const hide = () => { tip.hidden = true; document.querySelectorAll(".lit").forEach((e) => e.classList.remove("lit")); };
  const show = (mark) => {
    hide();
    tip.textContent = mark.dataset.why;
    tip.hidden = false;
    const box = mark.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 16);
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${box.bottom + scrollY + 8}px`;
    const numbers = mark.dataset.numbers.split(" ");
    for (const other of draft.querySelectorAll("mark")) {
      if (other.dataset.numbers?.split(" ").some((n) => numbers.includes(n))) other.classList.add("lit");
    }
  };
  for (const mark of draft.querySelectorAll("mark[data-why]")) {
    mark.addEventListener("mouseenter", () => show(mark));
    mark.addEventListener("mouseleave", hide);
    mark.addEventListener("focus", () => show(mark));
    mark.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
};
