// Why a passage is marked: shown at the mark on hover and on focus, and what else the same finding marks is lit.

export const showHints = (draft, tip) => {
  if (!draft) return;
  const hide = () => { tip.hidden = true; document.querySelectorAll(".lit").forEach((e) => e.classList.remove("lit")); };
  const show = (mark, why) => {
    hide();
    tip.textContent = why;
    tip.hidden = false;
    const box = mark.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 16);
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${box.bottom + scrollY + 8}px`;
    const numbers = mark.dataset.numbers.split(" ").filter(Boolean);
    mark.classList.add("lit");
    for (const other of draft.querySelectorAll("mark")) {
      if (other.dataset.numbers.split(" ").some((n) => numbers.includes(n))) other.classList.add("lit");
    }
  };
  for (const mark of draft.querySelectorAll("mark[data-why]")) {
    mark.addEventListener("mouseenter", () => show(mark, mark.dataset.why));
    mark.addEventListener("mouseleave", hide);
  }
  for (const run of draft.querySelectorAll("[data-run]")) {
    run.addEventListener("focus", () => show(run.querySelector("mark"), run.dataset.run));
    run.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || tip.hidden) return;
    hide();
    event.preventDefault(); // the first Escape closes the hint, the next one leaves the case
  }, true);
};
