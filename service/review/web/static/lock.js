// The claim on a case: a countdown for all to see, renewed each third of its time while somebody is at the page. A page
// that waits for somebody else's claim asks how it stands, and says when the case is free.

const lock = document.querySelector("#lock");
const IDLE = 10 * 60 * 1000;
let end = Date.now() + Number(lock?.dataset.left ?? 0) * 1000;
let touched = Date.now();
let over = false;

const clock = () => {
  const left = Math.max(0, Math.round((end - Date.now()) / 1000));
  const face = lock.querySelector("[data-clock]");
  if (face) face.textContent = left < 3600 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  lock.classList.toggle("short", left < 60);
  if (!left && lock.dataset.renew && !over) lose("Your claim has run out.", "Claim it again");
  if (!left && lock.dataset.watch && !over) watch();
};

const lose = (words, offer) => {
  over = true;
  lock.classList.add("gone");
  lock.querySelector("[data-words]").textContent = words;
  lock.querySelector("[data-clock]")?.remove();
  const again = lock.querySelector("button");
  again?.remove();
  const link = document.createElement("a");
  link.href = lock.dataset.open;
  link.className = "button";
  link.textContent = offer;
  lock.append(link);
  document.querySelectorAll("#decide button[name=outcome]").forEach((button) => { button.disabled = true; });
};

const renew = async () => {
  if (over || document.hidden || Date.now() - touched > IDLE) return;
  const body = new URLSearchParams({ csrf: lock.dataset.csrf });
  try {
    const answer = await fetch(lock.dataset.renew, { method: "POST", body });
    if (answer.status === 409) lose((await answer.json()).detail, "Claim it again");
    else if (answer.ok) end = Date.now() + (await answer.json()).left * 1000;
  } catch { /* out of reach for a moment: the countdown tells, and the next beat tries again */ }
};

let asking = false;
const watch = async () => {
  if (over || asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(lock.dataset.watch);
    const { left, why_not: why } = answer.ok ? await answer.json() : { left: 0, why_not: null };
    if (!answer.ok) return;
    end = Date.now() + left * 1000;
    if (!why) lose("The case is free.", "Claim it");
    else if (!left) lose(why, "Look again");
  } catch { /* out of reach for a moment: the next beat asks again */ } finally { asking = false; }
};

if (lock?.dataset.watch) setInterval(watch, 5000);
if (Number(lock?.dataset.left)) {
  clock();
  setInterval(clock, 500);
}
if (lock?.dataset.renew) {
  setInterval(renew, Math.max(1, Number(lock.dataset.whole) / 3) * 1000);
  document.addEventListener("visibilitychange", renew);
  for (const kind of ["keydown", "pointerdown", "scroll"]) {
    document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true, capture: true });
  }
}
