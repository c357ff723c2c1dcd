// The demonstration around <draft-screen>: example drafts, the JSON panel, and a send back end that checks the pass.

const form = document.querySelector("#contact");
const screen = document.querySelector("draft-screen");
const cancelledBy = document.querySelector("#cancelled_by");
const tries = document.querySelector("#tries");
const examples = JSON.parse(document.querySelector("#examples").textContent);
const FIELDS = ["support_id", "subject", "body"];

/** Fill a field as if it had been typed. */
function fill(field, text) {
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

function knowOrder(value) {
  cancelledBy.value = value;
  screen.order = value ? { cancelled_by: value } : null;
}

// on a narrow screen the drafts to try are folded away, so that the form begins at the top
const wide = matchMedia("(min-width: 60.0625rem)");
const unfold = () => (tries.open = wide.matches);
wide.addEventListener("change", unfold);
unfold();

document.querySelector(".examples").addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-example]");
  if (!chosen) return;
  const example = examples[Number(chosen.dataset.example)];
  form.reset();
  unfold();
  setTimeout(() => {
    knowOrder(example.cancelled_by ?? "");
    for (const name of FIELDS) fill(form.elements[name], example[name]);
    screen.check();
    form.elements.body.focus({ preventScroll: true });
    if (!wide.matches) form.scrollIntoView();
  }, 10);
});

// the order that the form is about stays in the address, as the page of an order would have it
form.elements.support_id.addEventListener("input", (event) => {
  history.replaceState(null, "", event.target.value ? `#${encodeURIComponent(event.target.value)}` : location.pathname);
});
if (location.hash.length > 1) fill(form.elements.support_id, fromHash());

function fromHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

cancelledBy.addEventListener("change", () => {
  knowOrder(cancelledBy.value);
  screen.check();
});

screen.addEventListener("draft-screen-verdict", (event) => {
  document.querySelector("#json").textContent = JSON.stringify(event.detail.answer, null, 2);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form));
  const response = await fetch(form.dataset.send, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(values),
  }).catch(() => null);
  if (response?.ok) {
    for (const name of FIELDS) form.elements[name].value = "";
    history.replaceState(null, "", location.pathname);
    screen.sent();
  } else {
    const problem = await response?.json().catch(() => null);
    screen.refuse(problem?.detail ?? "The send back end cannot be reached.");
  }
});
