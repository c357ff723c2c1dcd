// The editor of a rule: two tabs for one rule, and its examples light up as one types. The server judges; this shows.

const form = document.querySelector("#rule");
const by = form.elements.by;
const WAIT = 400;
let timer = 0, asked = 0;

const item = (text, kind, sign) => {
  const line = document.createElement("li"), mark = document.createElement("span");
  mark.className = `sign ${sign}`;
  mark.ariaHidden = "true";
  line.className = kind;
  line.append(mark, ` ${text}`);
  return line;
};

const show = ({ faults, examples }) => {
  for (const list of form.querySelectorAll("[data-faults]")) {
    const name = list.dataset.faults;
    const own = faults.filter((f) => (by.value === "toml" ? !name : f.field === name || (!name && !form.querySelector(`[data-faults="${f.field}"]`))));
    list.replaceChildren(...own.map((f) => {
      const line = document.createElement("li");
      const place = by.value === "toml" && f.field ? lineOf(f.sentence) : f.line;
      line.textContent = `${place ? `Line ${place}: ` : ""}${f.reason}${f.sentence ? `: ${f.sentence}` : ""}`;
      return line;
    }));
  }
  for (const list of form.querySelectorAll("[data-lit]")) {
    const own = examples.filter((one) => one.field === list.dataset.lit);
    list.replaceChildren(...own.map((one) => {
      const good = one.wanted === Boolean(one.words);
      const says = one.words ? `flagged: “${one.words}”` : "not flagged";
      return item(`${one.text} · ${says}${good ? "" : ", and should be otherwise"}`, good ? "good" : "bad", good ? "allow" : "block");
    }));
  }
};

const lineOf = (words) => form.elements.source.value.split("\n").findIndex((line) => line.includes(words)) + 1;

const ask = async () => {
  const number = ++asked;
  const answer = await fetch(form.dataset.examples, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok || number !== asked) return null;
  const found = await answer.json();
  show(found);
  return found;
};

const tabs = [...form.querySelectorAll("[data-tab]")];
const open = (name) => {
  by.value = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.tab === name;
    tab.ariaSelected = String(chosen);
    tab.tabIndex = chosen ? 0 : -1;
    document.querySelector(`#panel-${tab.dataset.tab}`).hidden = !chosen;
  }
};

const turn = async (name) => {
  if (by.value === name) return;
  const found = await ask(); // as it stands under the tab that is left
  if (!found) return;
  if (name === "toml") form.elements.source.value = found.source;
  else if (!found.fields) return; // what cannot be read stays where it is, with its fault beside it
  else for (const [field, value] of Object.entries(found.fields)) form.elements[field].value = value;
  open(name);
  show(found);
};

for (const tab of tabs) {
  tab.addEventListener("click", () => turn(tab.dataset.tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabs.find((one) => one !== tab);
    turn(other.dataset.tab).then(() => tabs.find((one) => one.ariaSelected === "true").focus());
  });
}
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => { ask().catch(() => {}); }, WAIT);
});
open(by.value);
ask().catch(() => {});
