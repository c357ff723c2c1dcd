// One case: what uphold and overturn would mean, evidence by selecting words, hints on marks.
import "./lock.js";
import { showHints } from "./hints.js";
import { keepTyped } from "./kept.js";
import { startMarking } from "./marking.js";

const form = document.querySelector("#decide");
showHints(document.querySelector("#draft"), document.querySelector("#tip"));

if (form) {
  keepTyped(form);
  startMarking(form);
  const words = (name) => (form.dataset[name] ? form.dataset[name].split(" ") : []);
  const [asserted, blamed, prohibited] = ["asserted", "blamed", "prohibited"].map(words);
  const boxes = [...form.querySelectorAll("input[name=label]")];
  const titles = Object.fromEntries(boxes.map((box) => [box.value, box.dataset.says]));
  const said = { allow: "Allowed", warn: "Warned", block: "Blocked" };

  // the same three rules as cases.py; the server has the last word
  const truth = (labels) => (labels.some((l) => prohibited.includes(l)) ? "block" : labels.length ? "allow" : "warn");
  const same = (a, b) => a.length === b.length && a.every((l) => b.includes(l));
  const stands = (labels) => (form.dataset.machine === "warn" ? Boolean(form.dataset.fault) || truth(labels) !== "allow" : truth(labels) === form.dataset.machine);
  const proposed = (outcome) => {
    const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
    if (outcome === "relabel" || !same(ticked, asserted)) return ticked;
    if (outcome === "overturn") return asserted.filter((l) => !prohibited.includes(l));
    return form.dataset.machine === "allow" ? asserted : [...new Set([...asserted, ...blamed])];
  };
  const preview = () => {
    for (const outcome of ["uphold", "overturn", "relabel"]) {
      const labels = proposed(outcome);
      const fits = outcome === "relabel" ? !same(labels, asserted) : stands(labels) === (outcome === "uphold");
      const names = labels.map((l) => titles[l]).join(", ") || "no label";
      const line = form.querySelector(`[data-then=${outcome}]`);
      line.textContent = fits ? `${said[truth(labels)]}: ${names}`
        : outcome === "overturn" ? (labels.length ? "these labels bear it out" : "tick what it does first")
        : outcome === "uphold" ? "these labels speak against it" : "tick others to change them";
      line.closest("button").setAttribute("aria-disabled", String(!fits));
    }
  };
  boxes.forEach((box) => box.addEventListener("change", preview));
  form.addEventListener("submit", (event) => {
    if (event.submitter?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      document.querySelector("#refusal").textContent = event.submitter.querySelector("[data-then]").textContent + ".";
    }
  });
  preview();
}
