// One case: what each button would mean, evidence by selecting words, hints on marks.
import "./lock.js";
import "./beside.js";
import { guard, startChord } from "./deciding.js";
import { showHints } from "./hints.js";
import { keepTyped } from "./kept.js";
import { startMarking } from "./marking.js";

const form = document.querySelector("#decide");
showHints(document.querySelector("#draft"), document.querySelector("#tip"));

if (form) {
  const refuse = (words) => { document.querySelector("#refusal").textContent = words; };
  keepTyped(form);
  startMarking(form);
  guard(form, refuse);
  const chord = startChord(form);
  const boxes = [...form.querySelectorAll("input[name=label]")];
  const titles = Object.fromEntries(boxes.map((box) => [box.value, box.dataset.says]));

  // computed by decision_preview.py; the server decides in the end
  const { labels: bits, asserted, proposed, fits } = JSON.parse(form.dataset.preview);
  const index = (labels) => bits.reduce((sum, label, bit) => sum + (labels.includes(label) ? 2 ** bit : 0), 0);
  const same = (a, b) => a.length === b.length && a.every((l) => b.includes(l));
  const resolved = (outcome) => {
    const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
    return (same(ticked, asserted) && proposed[outcome]) || ticked;
  };
  const contradiction = (outcome, labels) => {
    if (outcome === "uphold") return "these labels speak against it";
    if (outcome === "relabel") return "tick others to change them";
    return labels.length ? "these labels bear the decision out" : "tick what it does first";
  };
  const preview = () => {
    for (const line of form.querySelectorAll("[data-then]")) {
      const outcome = line.dataset.then;
      const labels = resolved(outcome);
      const good = outcome === "relabel" ? !same(labels, asserted) : fits[outcome][index(labels)];
      const names = labels.map((l) => titles[l]).join(", ") || "no label";
      line.textContent = good ? `as: ${names}` : contradiction(outcome, labels);
      line.closest("button").setAttribute("aria-disabled", String(!good));
    }
    chord();
  };
  boxes.forEach((box) => box.addEventListener("change", preview));
  form.addEventListener("submit", (event) => {
    if (event.submitter?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      refuse(`${event.submitter.querySelector("[data-then]").textContent}.`);
    }
  });
  preview();
}
