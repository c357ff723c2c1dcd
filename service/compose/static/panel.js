// The panel that answers a press of the send button: what is wrong, what can be done, what became of it.
// Each function draws one state; `act` holds what its buttons do.

import { actions, button, cards, changes, el, grave, panel, question } from "./cards.js";

/** Blocked: explain, offer to edit or to appeal. */
export function blocked(answer, act) {
  const buttons = actions(button("Edit", () => act.edit(), "main"), button("Appeal", () => appeal.replaceWith(appealForm(act))));
  const appeal = el("div", {}, buttons);
  return panel("block", "This cannot be sent as it is", ...cards(grave(answer.findings), (one) => act.host.replace(one)), appeal);
}

/** Warned: ask once. */
export function warned(answer, act) {
  const { area, element } = question("Reason, if you send it anyway (optional)");
  const anyway = button("Send anyway", () => act.acknowledge(area.value));
  const buttons = actions(button("Edit", () => act.edit(), "main"), anyway);
  return panel("warn", "Check before sending", ...cards(grave(answer.findings), (one) => act.host.replace(one)), element, buttons);
}

function appealForm(act) {
  const { area, element } = question("Why should this draft be allowed? A reviewer will read your words.");
  const send = button("Send appeal", () => (area.value.trim() ? act.appeal(area.value) : area.focus()), "main");
  area.required = true;
  setTimeout(() => area.focus());
  return el("div", {}, element, actions(send));
}

const AFTER = {
  allow: ["Fine to send now", "Nothing stands in the way now."],
  warn: ["Still worth checking", "Edit it further, or send it and confirm."],
  block: ["Still cannot be sent", "Edit what is left, or press send to appeal."],
};

/** After an edit: what was cleared and what is left. */
export function edited(decision, difference) {
  const [heading, text] = AFTER[decision];
  return panel(decision, heading, el("p", {}, text), changes(difference));
}

const APPEAL = {
  open: ["info", "Your appeal is with the reviewers", "The answer will appear here. You can also edit the draft and send it."],
  overturned: ["allow", "Your appeal was granted", "A reviewer found that this draft may be sent."],
  upheld: ["block", "Your appeal was declined", "A reviewer confirmed that this draft may not be sent. Edit it to send it."],
};

/** What became of an appeal: "open", "overturned" or "upheld", with the reviewer's note if there
 * is one; `send`, where it may go now, sends it. */
export function appealed(state, send, note) {
  const [kind, heading, text] = APPEAL[state];
  return panel(kind, heading, el("p", {}, text), note && el("blockquote", {}, note), send && actions(button("Send it now", send, "main")));
}

/** Could not be checked, or not accepted; nothing was sent. */
export function failed(heading, text, act) {
  return panel("failed", heading, el("p", {}, text), act && actions(button("Try again", () => act.send(), "main")));
}

/** Sent: what to remember now. */
export function thanked(reminders, unscreened) {
  const heading = unscreened ? "Sent without a check" : "Sent to your customer";
  const later = unscreened && el("p", {}, "The check could not be reached, so this is marked for a later review.");
  return panel("sent", heading, later, ...reminders.map((reminder) => el("p", {}, reminder.message)));
}
