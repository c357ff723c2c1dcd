// What is typed into a case stays in this tab until the tab is closed or the reviewer signs out: a claim that ran out,
// a look at another case, a session that ended or a decision taken back loses none of it.

const NAMES = ["label", "note", "reply", "evidence", "wrong_rule"];

export const keepTyped = (form) => {
  const key = `desk:${form.dataset.me}:${form.dataset.case}`;
  const fields = () => [...form.elements].filter((element) => NAMES.includes(element.name));
  const ticks = (element) => element.type === "checkbox";
  const typed = () => JSON.stringify(fields().map((e) => [e.name, ticks(e) ? e.value : "", ticks(e) ? e.checked : e.value]));
  const empty = typed();
  const stored = sessionStorage.getItem(key);
  if (stored && stored !== empty && !form.dataset.refused) {
    for (const [name, value, held] of JSON.parse(stored)) {
      const element = fields().find((e) => e.name === name && (!ticks(e) || e.value === value));
      if (element && ticks(element)) element.checked = held;
      else if (element) element.value = held;
    }
    document.querySelector("#kept").hidden = false;
  }
  const save = () => (typed() === empty ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, typed()));
  for (const element of fields()) for (const kind of ["input", "change"]) element.addEventListener(kind, save);
};
