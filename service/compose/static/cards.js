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

const AT_ONCE = 2;

/** The findings as cards, all but the first few folded away. What is the same for several is said once. */
export function cards(/** @type {Finding[]} */ findings, onReplace) {
  const first = (name) => (finding, index) => findings.findIndex((one) => one[name] === finding[name]) === index;
  const offers = findings.map(first("replacement"));
  const guides = findings.map(first("guidance"));
  const refs = findings.map(first("policy_ref"));
  const all = findings.map((finding, index) => card(finding, offers[index] && onReplace, guides[index], refs[index]));
  const more = all.splice(AT_ONCE);
  return [...all, more.length && el("details", {}, el("summary", {}, `${more.length} more`), ...more)];
}

/** One finding with its reason, guidance, policy section and, where there is one, the text to use instead. */
function card(/** @type {Finding} */ finding, onReplace, withGuidance, withRef) {
  return el(
    "article",
    { className: `card ${finding.severity}` },
    el("p", {}, el("span", { className: "tag" }, CLAIM[finding.severity]), quoted(finding.text)),
    el("p", {}, finding.message),
    withGuidance && finding.guidance && el("p", {}, finding.guidance),
    finding.replacement && onReplace && offered(finding, onReplace),
    withRef && finding.policy_ref && el("p", { className: "ref" }, `Policy: ${finding.policy_ref}`),
  );
}

/** What tells one finding from another across two screenings. */
export function nameOf(finding) {
  return `${finding.id} ${finding.field} ${finding.text}`;
}

/** The findings that bear on the decision. */
export function grave(findings) {
  return findings.filter((finding) => finding.severity !== "info");
}

/** Set an element's place or size, in pixels. */
export function pin(element, lengths) {
  for (const [name, length] of Object.entries(lengths)) element.style.setProperty(name, `${length}px`);
}

/** What an edit did, compared with the screening that stopped the draft. */
export function changes({ cleared, left }) {
  return el(
    "ul",
    { className: "changes" },
    ...cleared.map((finding) => change("Cleared", finding)),
    ...left.map((finding) => change("Left", finding)),
  );
}

function change(word, finding) {
  return el("li", { className: word.toLowerCase() }, el("b", {}, word), " ", quoted(finding.text) || finding.message);
}

function offered(finding, onReplace) {
  return el(
    "div",
    { className: "offer" },
    el("blockquote", {}, finding.replacement),
    button("Use this text instead", () => onReplace(finding)),
  );
}

function quoted(text) {
  return text && el("q", { dir: "auto" }, shorten(text));
}

function shorten(text) {
  return text.replace(/^(.{100}).+/su, "$1…");
}

/** A labelled text area, for a reason or an appeal. */
export function question(label) {
  const area = el("textarea", { rows: 2, maxLength: 1000 });
  return { area, element: el("label", {}, label, area) };
}

/** The panel's frame: a heading that can take the focus, then what there is to say. */
export function panel(kind, heading, ...children) {
  return el(
    "section",
    { className: `panel ${kind}` },
    el("h2", { tabIndex: -1 }, el("span", { className: "sign" }), heading),
    ...children,
  );
}

export function actions(...buttons) {
  return el("p", { className: "actions" }, ...buttons);
}
