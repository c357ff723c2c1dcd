// Keys of a page: every element with data-key is pressed (or focused, if it is a field) by that key.
// The help dialog is written from the same elements, so that it can never be out of date.

const typing = (target) => target.closest("textarea, select, input:not([type=checkbox], [type=radio]), [contenteditable]");
const field = (element) => element.matches("textarea, input:not([type=checkbox], [type=radio]), select");

export const press = (key) => {
  const element = [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key && !e.disabled);
  if (!element) return false;
  if (element.closest("details:not([open])")) element.closest("details").open = true;
  if (field(element)) { element.focus(); element.select?.(); } else { element.click(); }
  return true;
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target)) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
  if (press(event.key)) event.preventDefault();
});

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

// The undo notice counts down and goes when its time is over.
const undo = document.querySelector("#undo");
if (undo) {
  const end = Date.now() + undo.dataset.left * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    undo.querySelector("[data-seconds]").textContent = left;
    if (left) setTimeout(tick, 250); else undo.remove();
  };
  tick();
}
