// The panel that answers a press of the send button: what is wrong, what can be done, what became of it.
// Each function draws one state; `act` holds what its buttons do.

import { actions, button, cards, changes, el, grave, panel, question } from "./cards.js";
import { filled } from "./language.js";

/** Blocked: explain, offer to edit or to appeal. */
export function blocked(answer, act) {
  const { words } = act;
  const contest = button(words.appeal, () => place.replaceChildren(appealForm(act, back)));
  const buttons = actions(button(words.edit, () => act.edit(), "main"), contest);
  const place = el("div", {}, buttons);
  const back = () => {
    place.replaceChildren(buttons);
    contest.focus({ preventScroll: true }); // it was on the way back, which is gone
  };
  return panel("block", words.blocked, ...cards(grave(answer.findings), act.host), place);
}

/** Warned: ask once. A draft without details can only be edited. */
export function warned(answer, act) {
  const { words } = act;
  const { area, element } = question(words.reason, act.said.reason, (reason) => act.say({ reason }));
  const edit = button(words.edit, () => act.edit(), "main");
  const empty = answer.findings.some((finding) => finding.id === "body-empty");
  const next = empty ? [actions(edit)] : [element, actions(edit, button(words.send_anyway, () => act.acknowledge(area.value)))];
  return panel("warn", words.warned, ...cards(grave(answer.findings), act.host), ...next);
}

/** The words of an appeal; what was written of it is kept on the way back. */
function appealForm(act, back) {
  const { words } = act;
  const { area, element } = question(words.why, act.said.appeal, (appeal) => act.say({ appeal }));
  const send = button(words.send_appeal, () => (area.value.trim() ? act.appeal(area.value) : area.focus()), "main");
  area.required = true;
  setTimeout(() => area.focus()); // the merchant has just asked for it
  return el("div", {}, element, actions(send, button(words.findings_back, back, "link")));
}

/** After an edit: what was cleared and what is left. */
export function edited(decision, difference, words) {
  return panel(decision, words[`now_${decision}`], el("p", {}, words[`now_${decision}_text`]), changes(difference, words));
}

/** An appeal is with the reviewers. */
export function appealed(words) {
  return panel("info", words.appeal_open, el("p", {}, words.appeal_open_text));
}

/** An appeal was declined, with the reviewer's note if there is one. */
export function declined(note, words) {
  return panel("block", words.appeal_upheld, el("p", {}, words.appeal_upheld_text), note && el("blockquote", {}, note));
}

/** An appeal was granted: `send` it; where another text stands in the form, or none, first bring `back` the one that was
 * judged. */
export function granted(note, { send, back, empty }, words) {
  const text = send ? words.appeal_granted_text : empty ? words.appeal_granted_away : words.appeal_granted_changed;
  const next = send ? button(words.send_now, send, "main") : back && button(words.appeal_back, back, "main");
  return panel("allow", words.appeal_granted, el("p", {}, text), note && el("blockquote", {}, note), next && actions(next));
}

/** Could not be checked, or not accepted; nothing was sent. */
export function failed(heading, text, again, words) {
  return panel("failed", heading, el("p", {}, text), again && actions(button(words.try_again, again, "main")));
}

/** What a failure is called, for merchants: heading and text. */
export function failureWords(error, labelOf, words) {
  if (error.status === 409) return [words.refused, error.message];
  const kind = !error.misused && { 401: "signed_out", 413: "too_long", 422: "unreadable" }[error.status];
  const name = kind || (error.status === undefined ? "away_panel" : "broken_panel");
  const label = name === "unreadable" && labelOf(error.field);
  const text = label ? filled(words.unreadable_field, { field: label }) : words[`${name}_text`];
  return [words[name], text];
}

/** Sent: what to remember now. */
export function thanked(reminders, unscreened, words) {
  const heading = unscreened ? words.thanked_unscreened : words.thanked;
  const later = unscreened && el("p", {}, words.thanked_later);
  return panel("sent", heading, later, ...reminders.map((reminder) => el("p", {}, reminder.message)));
}
