// The demonstration around <draft-screen>: example drafts, the JSON panel, and a send back end that checks the pass.

const form = document.querySelector("#contact");
const screen = document.querySelector("draft-screen");
const cancelledBy = document.querySelector("#cancelled_by");
const examples = JSON.parse(document.querySelector("#examples").textContent);

/** Fill a field as if it had been typed. */
function fill(field, text) {
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

function knowOrder(value) {
  cancelledBy.value = value;
  screen.order = value ? { cancelled_by: value } : null;
}

document.querySelector(".examples").addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-example]");
  if (!chosen) return;
  const example = examples[Number(chosen.dataset.example)];
  form.reset();
  setTimeout(() => {
    knowOrder(example.cancelled_by ?? "");
    for (const name of ["support_id", "subject", "body"]) fill(form.elements[name], example[name]);
    screen.check();
    form.elements.body.focus({ preventScroll: true });
  }, 10);
});

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
    for (const name of ["support_id", "subject", "body"]) form.elements[name].value = "";
    screen.sent();
  } else screen.refuse(response ? (await response.json()).detail : "The send back end cannot be reached.");
});
