// On a wide screen the list that a case stands in is shown beside it, once the case itself is there.

const list = document.querySelector("[data-beside]");
const wide = matchMedia("(min-width: 100rem)");

const show = async () => {
  if (!wide.matches || !list || list.childElementCount) return;
  const answer = await fetch(list.dataset.beside, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.body.children);
  list.hidden = false;
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
};

wide.addEventListener("change", () => show().catch(() => {}));
show().catch(() => {});
