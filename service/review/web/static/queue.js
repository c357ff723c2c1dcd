// The list of cases by keyboard: j and k move, x selects, Enter opens; the bar of bulk decisions follows the selection.

const rows = [...document.querySelectorAll("[data-row]")];
const boxes = [...document.querySelectorAll("[data-row] input[type=checkbox]")];
const bar = document.querySelector("#bulk");
const link = (row) => row.querySelector(".what a");
let here = -1;

const go = (to) => {
  if (!rows.length) return;
  rows[here]?.classList.remove("here");
  here = Math.max(0, Math.min(rows.length - 1, to));
  rows[here].classList.add("here");
  link(rows[here]).focus({ preventScroll: true });
  rows[here].scrollIntoView({ block: "nearest" });
};

const count = () => {
  const chosen = boxes.filter((box) => box.checked).reduce((sum, box) => sum + Number(box.dataset.cases), 0);
  bar.hidden = !chosen;
  bar.querySelector("[data-count]").textContent = chosen;
};

for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => go(here + Number(button.dataset.step)));
}
document.querySelector("[data-go]")?.addEventListener("click", () => link(rows[Math.max(here, 0)])?.click());
document.querySelector("[data-pick]")?.addEventListener("click", () => {
  const box = rows[Math.max(here, 0)]?.querySelector("input[type=checkbox]");
  if (box) { box.checked = !box.checked; count(); }
});
rows.forEach((row, index) => link(row).addEventListener("focus", () => {
  if (here !== index) { rows[here]?.classList.remove("here"); here = index; row.classList.add("here"); }
}));
boxes.forEach((box) => box.addEventListener("change", count));
document.querySelector("[data-clear]")?.addEventListener("click", () => { boxes.forEach((box) => { box.checked = false; }); count(); });
if (bar) count();
const came = document.querySelector("[data-came]"); // back from a case: its place in the list
if (came) go(rows.indexOf(came));
