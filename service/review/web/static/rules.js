// The list of rules: filtered as one types, folds that open for what is found, and all of it on paper.

const groups = [...document.querySelectorAll(".rules")];
const folds = groups.filter((group) => group.matches("details"));
const field = document.querySelector("form[role=search] input[name=find]");
const count = document.querySelector("#count");
const unfold = document.querySelector("#unfold");
const whole = count.textContent.replace(/^\d+ of /, "");
const KEPT = "rules-open";

const rows = groups.flatMap((group) => [...group.querySelectorAll("tbody tr")].map((row) => ({
  group, row, words: [...row.cells].slice(0, 4).map((cell) => cell.textContent.toLowerCase()).join(" "),
})));
const open = () => folds.filter((fold) => fold.open).map((fold) => fold.dataset.group);
const setAll = (test) => folds.forEach((fold) => { fold.open = test(fold); });
const keep = () => sessionStorage.setItem(KEPT, JSON.stringify(open()));
const kept = () => new Set(JSON.parse(sessionStorage.getItem(KEPT) || "[]"));

const filter = () => {
  const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = new Map(groups.map((group) => [group, 0]));
  for (const { group, row, words } of rows) {
    row.hidden = !wanted.every((word) => words.includes(word));
    if (!row.hidden) shown.set(group, shown.get(group) + 1);
  }
  for (const [group, number] of shown) {
    group.hidden = !number;
    const says = group.querySelector("[data-shown]");
    if (says) says.textContent = number === Number(says.dataset.whole) ? number : `${number} of ${says.dataset.whole}`;
  }
  count.textContent = `${[...shown.values()].reduce((sum, number) => sum + number, 0)} of ${whole}`;
  const before = kept();
  setAll((fold) => (wanted.length ? !fold.hidden : before.has(fold.dataset.group)));
};

field.addEventListener("input", filter);
field.addEventListener("keydown", (event) => {
  const first = rows.find(({ row }) => !row.hidden)?.row.querySelector("a");
  if (event.key !== "ArrowDown" || !first?.checkVisibility()) return;
  event.preventDefault();
  first.focus();
});

if (unfold) {
  const say = () => { unfold.querySelector("span").textContent = folds.every((fold) => fold.open) ? "Fold all" : "Unfold all"; };
  unfold.hidden = false;
  unfold.addEventListener("click", () => {
    const all = folds.every((fold) => fold.open);
    setAll(() => !all);
  });
  for (const fold of folds) {
    fold.addEventListener("toggle", () => {
      say();
      if (!field.value && !printing) keep();
    });
  }
  say();
}

// What is folded is printed all the same.
let printing = null;
addEventListener("beforeprint", () => {
  printing = open();
  setAll(() => true);
});
addEventListener("afterprint", () => {
  const were = new Set(printing);
  setAll((fold) => were.has(fold.dataset.group));
  setTimeout(() => { printing = null; });
});

if (!field.value) setAll((fold) => fold.open || kept().has(fold.dataset.group));
