// What the merchant reads: cards for findings, lists of changes, the panel after pressing send.
// Whatever the service says is put in as text, never as markup.

/** @typedef {import("./draft-screen.js").Finding} Finding */

export const WORDS = {
  idle: "Checked as you type",
  checking: "Checking…",
  allow: "Fine to send",
  warn: "Check before sending",
  block: "Cannot be sent",
  info: "Advice",
  away: "Not checked just now. You can keep writing.",
  sent: "Sent",
};

const CLAIM = { ...WORDS, warn: "Worth checking", block: "Not permitted" };

/** An element with properties and children; strings become text, empty and false children are left out. */
export function el(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children.filter(Boolean));
  return element;
}

export function button(text, onclick, className = "") {
  return el("button", { type: "button", className, onclick }, text);
}

/** One finding with its reason, guidance, policy section and, where there is one, the text to use instead. */
export function card(/** @type {Finding} */ finding, onReplace) {
  return el(
    "article",
    { className: `card ${finding.severity}` },
    el("p", { className: "claim" }, el("span", { className: "tag" }, CLAIM[finding.severity]), quoted(finding.text)),
    el("p", {}, finding.message),
    finding.guidance && el("p", { className: "guidance" }, finding.guidance),
    finding.replacement != null && onReplace && offered(finding, onReplace),
    finding.policy_ref && el("p", { className: "ref" }, `Policy: ${finding.policy_ref}`),
  );
}

/** What tells one finding from another across two screenings. */
export function nameOf(finding) {
  return `${finding.id} ${finding.field} ${finding.text}`;
}

/** What an edit did, compared with the screening that stopped the draft. */
export function changes({ cleared, left }) {
  if (!cleared.length && !left.length) return null;
  return el(
    "ul",
    { className: "changes" },
    ...cleared.map((finding) => change("Cleared", finding)),
    ...left.map((finding) => change("Left", finding)),
  );
}

function change(word, finding) {
  const what = finding.text ? shorten(finding.text, 80) : finding.message;
  return el("li", { className: word.toLowerCase() }, el("b", {}, word), ` ${finding.text ? `“${what}”` : what}`);
}

function offered(finding, onReplace) {
  return el(
    "div",
    { className: "offer" },
    el("blockquote", {}, finding.replacement),
    button("Use this text instead", () => onReplace(finding), "quiet"),
  );
}

function quoted(text) {
  return text && el("q", { dir: "auto" }, shorten(text, 120));
}

function shorten(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most).join("")}…` : text;
}

/** A labelled text area, for a reason or an appeal. */
export function question(label, maxLength = 1000) {
  const area = el("textarea", { rows: 2, maxLength });
  return { area, element: el("label", {}, label, area) };
}

/** The panel's frame: a heading that can take the focus, then what there is to say. */
export function panel(kind, heading, ...children) {
  return el(
    "section",
    { className: `panel ${kind}`, ariaLabel: heading },
    el("h2", { tabIndex: -1 }, el("span", { className: "sign", ariaHidden: "true" }), heading),
    ...children,
  );
}

export function actions(...buttons) {
  return el("p", { className: "actions" }, ...buttons);
}
