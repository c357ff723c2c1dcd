// Keys of a page: every element with data-key is pressed (or focused, if it is a field) by that key. Each person may
// change the letters or switch them off. The help dialog is written from the same elements, so that it can never be out
// of date. A key that is held down acts once; only moving in a list (data-repeats) goes on.

const typing = (target) => target.closest("textarea, select, input:not([type=checkbox], [type=radio]), [contenteditable]");
const field = (element) => element.matches("textarea, input:not([type=checkbox], [type=radio]), select");
const own = JSON.parse(document.body.dataset.keys || "{}");
const letters = new Map(Object.entries(own.letters ?? {}));

for (const element of document.querySelectorAll("[data-key]")) {
  const key = element.dataset.key, other = letters.get(key);
  if (!other) continue;
  const shown = document.querySelector(`label[for="${element.id || "-"}"]`) ?? element.closest("label") ?? element;
  for (const kbd of shown.querySelectorAll("kbd")) if (kbd.textContent === key) kbd.textContent = other;
  element.dataset.key = other;
}

export const press = (key, repeated = false) => {
  const element = [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key && !e.disabled);
  if (!element) return false;
  if (repeated && element.dataset.repeats === undefined) return true;
  if (element.closest("details:not([open])")) element.closest("details").open = true;
  if (field(element)) { element.focus(); element.select?.(); } else { element.click(); }
  return true;
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target)) return;
  if (event.key === "Enter" && event.target.matches("input")) { event.preventDefault(); return; } // a tick box sends no form
  if (event.key === "Enter" && event.target.closest("a, button, summary")) {
    if (event.repeat) event.preventDefault();
    return;
  }
  if (own.off && event.key.length === 1) return;
  if (press(event.key, event.repeat)) event.preventDefault();
});

document.body.dataset.listens = "1";

const dialog = document.querySelector("dialog#keys");
document.querySelector("[data-opens=keys]")?.addEventListener("click", () => {
  const list = dialog.querySelector("dl");
  list.replaceChildren();
  for (const element of document.querySelectorAll("[data-key]")) {
    const term = document.createElement("dt"), key = document.createElement("kbd"), says = document.createElement("dd");
    key.textContent = element.dataset.key;
    term.append(key);
    says.textContent = element.dataset.says;
    list.append(term, says);
  }
  dialog.showModal();
});

// After signing out, nothing that was typed stays for the next person.
document.querySelector("form[action$='/logout']")?.addEventListener("submit", () => sessionStorage.clear());

// What can be taken back counts down. When its time is over, it goes and leaves its place empty: nothing moves.
for (const notice of document.querySelectorAll("#undo, form[data-left]")) {
  const end = Date.now() + notice.dataset.left * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    notice.querySelector("[data-seconds]").textContent = left;
    if (left) { setTimeout(tick, 250); return; }
    notice.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    notice.classList.add("over");
  };
  tick();
}
