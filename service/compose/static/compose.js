// The demonstration around <draft-screen>: example drafts and threads, the JSON panel, and a send back end that checks the
// pass. On the page of replies a thread comes with each example: what the customer wrote, and when.

const form = document.querySelector("#contact");
const screen = document.querySelector("draft-screen");
const cancelledBy = document.querySelector("#cancelled_by");
const tries = document.querySelector("#tries");
const examples = JSON.parse(document.querySelector("#examples").textContent);
const isReply = screen.getAttribute("context") === "reply";
const FIELDS = isReply ? ["support_id", "body"] : ["support_id", "subject", "body"];
const HOUR = 3600000;

/** Fill a field as if it had been typed. */
function fill(field, text) {
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** Show what the customer wrote; the widget reads it from the page. */
function showThread(thread) {
  const received = new Date(Date.now() - thread.hours * HOUR);
  for (const name of ["customer", "ticket", "customer_message"]) document.getElementById(name).textContent = thread[name];
  const time = document.querySelector("#received");
  time.dateTime = received.toISOString();
  time.textContent = received.toLocaleString("en", { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" });
  screen.setAttribute("received-at", received.toISOString());
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
    if (isReply) showThread(example);
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
if (isReply) {
  const thread = examples.find((one) => one.support_id === fromHash()) ?? examples[0];
  showThread(thread);
  fill(form.elements.support_id, thread.support_id);
} else if (location.hash.length > 1) fill(form.elements.support_id, fromHash());

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
    if (isReply) form.elements.body.value = ""; // the thread stays
    else {
      for (const name of FIELDS) form.elements[name].value = "";
      history.replaceState(null, "", location.pathname);
    }
    screen.sent();
  } else {
    const problem = await response?.json().catch(() => null);
    screen.refuse(problem?.detail ?? "The send back end cannot be reached.");
  }
});
