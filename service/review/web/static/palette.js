// The palette: Ctrl+K finds a page, a queue, a key of this page, or the drafts with some words, by a few letters.

const box = document.createElement("dialog");
const field = document.createElement("input");
const list = document.createElement("ul");
const home = document.querySelector(".home")?.href;
let chosen = 0;

box.className = "palette";
box.setAttribute("aria-label", "Go to, or do");
field.type = "search";
field.placeholder = "Page, queue, key, or words of a draft";
field.setAttribute("role", "combobox");
field.setAttribute("aria-expanded", "true");
field.setAttribute("aria-controls", "palette-list");
field.setAttribute("aria-label", field.placeholder);
list.id = "palette-list";
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "What fits");
box.append(field, list);
document.body.append(box);

const words = (element) => element.textContent.replace(/\s+/g, " ").trim();
const entries = () => {
  const links = [...document.querySelectorAll(".bar nav a, .side a, .bar .me a")];
  const keys = [...document.querySelectorAll("[data-key][data-says]")].filter((e) => !e.disabled && !box.contains(e));
  return [
    ...links.map((link) => ({ says: words(link.querySelector("span:first-child:not(.role)") ?? link), does: () => { location.href = link.href; } })),
    ...keys.map((key) => ({ says: key.dataset.says, key: key.dataset.key, does: () => { key.focus(); key.click(); } })),
  ];
};

const draw = () => {
  const typed = field.value.trim().toLowerCase();
  const parts = typed.split(/\s+/);
  const found = entries().filter(({ says }) => parts.every((part) => says.toLowerCase().includes(part))).slice(0, 12);
  if (typed) {
    const to = (query) => () => { location.href = `${home}${query}`; };
    found.push({ says: `Drafts with “${field.value.trim()}”`, does: to(`?queue=any&words=${encodeURIComponent(field.value.trim())}`) });
    found.push({ says: `Merchant ${field.value.trim()}`, does: to(`/merchant?id=${encodeURIComponent(field.value.trim())}`) });
  }
  chosen = Math.max(0, Math.min(chosen, found.length - 1));
  list.replaceChildren(...found.map((entry, index) => {
    const item = document.createElement("li");
    item.id = `palette-${index}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(index === chosen));
    item.append(entry.says);
    if (entry.key) {
      const key = document.createElement("kbd");
      key.textContent = entry.key;
      item.append(key);
    }
    item.addEventListener("click", () => run(entry));
    return item;
  }));
  field.setAttribute("aria-activedescendant", `palette-${chosen}`);
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  return found;
};

const run = (entry) => { box.close(); entry.does(); };

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]:not(.palette)")) return;
  event.preventDefault();
  field.value = "";
  chosen = 0;
  if (!box.open) box.showModal();
  draw();
  field.focus();
});
field.addEventListener("input", () => { chosen = 0; draw(); });
field.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) { chosen += step; draw(); event.preventDefault(); }
  if (event.key === "Enter" && !event.repeat) { event.preventDefault(); const found = draw(); if (found[chosen]) run(found[chosen]); }
});
