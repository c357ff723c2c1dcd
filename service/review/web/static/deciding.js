// Nothing is decided by accident: not within half a second of a case appearing, not twice, not by a key that is held, and
// not by Enter on a tick box, which a browser takes for a press of the form's first button that is not disabled: that one
// stands there for it (data-nothing).

const WAIT = 500;

export const guard = (form, refuse) => {
  let sent = false;
  setTimeout(() => { form.dataset.ready = "1"; }, WAIT);
  form.addEventListener("submit", (event) => {
    const nothing = event.submitter?.dataset.nothing !== undefined;
    if (nothing || sent || !form.dataset.ready) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!sent && !nothing) refuse("That came as the case appeared. Press again.");
    } else {
      queueMicrotask(() => { sent = !event.defaultPrevented; });
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted) sent = false; });
};

// Ctrl+Enter, while one writes, presses the first button that goes together with the labels.
export const startChord = (form) => {
  const says = document.querySelector("#chord");
  const first = () => [...form.querySelectorAll("[data-decides]")].find((b) => b.getAttribute("aria-disabled") !== "true");
  const show = () => { says.textContent = first()?.dataset.says ?? "nothing fits the labels"; };
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!event.repeat) first()?.click();
  });
  return show;
};
