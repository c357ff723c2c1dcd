// Hidden inputs that carry the pass with the form.

import { el } from "./cards.js";

/** Give the form these values under these names, beside its own fields. @param {Record<string, string>} values */
export function fillHidden(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const input = form.querySelector(`input[name="${name}"]`) ?? form.appendChild(el("input", { type: "hidden", name }));
    input.value = value;
  }
}

/** Without a pass, as before it was given one. */
export function emptyHidden(form) {
  for (const name of ["screening_pass", "screening_id", "screening_unscreened"]) {
    const input = form.querySelector(`input[type="hidden"][name="${name}"]`);
    if (input) input.value = "";
  }
}
