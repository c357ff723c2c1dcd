// What the merchant reads: cards for findings, lists of changes, the frame of a panel.
// Whatever the service says is put in as text, never as markup.

import { filled } from "./language.js";

/** @typedef {import("./draft-screen.js").Finding} Finding */

/** An element with properties and children; strings become text, empty and false children are left out. */
export function el(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children.filter(Boolean));
  return element;
}

export function button(text, onclick, className = "") {
  return el("button", { type: "button", className, onclick }, text);
}

const AT_ONCE = 3;
const FIELDS = ["support_id", "subject", "body"];

/** The findings as cards in reading order: one for each sentence, all but the first few folded away. What is the same
 * for several is said once. @param {Finding[]} findings @param {import("./draft-screen.js").DraftScreen} host */
export function cards(findings, host) {
  const said = new Set();
  const once = (text) => text && !said.has(text) && said.add(text) && text;
  const all = sentences(findings, host).map((group) => card(group, host, once));
  const more = all.splice(AT_ONCE);
  return [...all, more.length && el("details", {}, el("summary", {}, filled(host.words.more, { n: more.length })), ...more)];
}

/** One card: the words at fault, each reason, what to do, the section of the policy, and what may be written instead. */
function card(/** @type {Finding[]} */ group, host, once) {
  const { words } = host;
  const gravest = group.find((one) => one.severity === "block") ?? group.find((one) => one.severity === "warn") ?? group[0];
  const quotes = new Set(group.map((one) => one.text).filter((text) => text && !group.some((o) => o.text !== text && o.text?.includes(text))));
  const mend = group.find((one) => one.label && one.replace_start != null && once(`mend ${one.label}`));
  return el(
    "article",
    { className: `card ${gravest.severity}` },
    el("p", {}, el("span", { className: "tag" }, words[`tag_${gravest.severity}`]), ...[...quotes].flatMap((text) => [quoted(text), " "])),
    ...group.map((one) => once(one.message)).filter(Boolean).map((text) => el("p", {}, text)),
    ...group.map((one) => once(one.guidance)).filter(Boolean).map((text) => el("p", {}, text)),
    mend && host.mending.slot(mend.label),
    ...group.map((one) => once(one.policy_ref)).filter(Boolean).map((section) => el("p", { className: "ref" }, filled(words.policy, { section }))),
  );
}

/** Findings by the sentence that they stand in, in reading order; those without a place come last, each by itself. */
function sentences(/** @type {Finding[]} */ findings, host) {
  const place = (one) => (one.field ? FIELDS.indexOf(one.field) : FIELDS.length);
  const ordered = [...findings].sort((a, b) => place(a) - place(b) || (a.start ?? 0) - (b.start ?? 0));
  /** @type {{field: string | null, end: number, group: Finding[]}[]} */
  const groups = [];
  for (const finding of ordered) {
    const last = groups.at(-1);
    const together = last && finding.start !== null && finding.field === last.field && finding.start < last.end;
    const end = finding.start === null ? 0 : sentenceEnd(host.draft[finding.field] ?? "", finding);
    if (together) {
      last.group.push(finding);
      last.end = Math.max(last.end, end);
    } else groups.push({ field: finding.field, end, group: [finding] });
  }
  return groups.map(({ group }) => group);
}

function sentenceEnd(text, { end, replace_end }) {
  const stop = /[.!?\n]/.exec(text.slice(Math.max(0, end - 1)));
  return Math.max(replace_end ?? 0, stop ? end + stop.index : text.length);
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

/** By how much CSS `zoom` makes an element larger than its own pixels. */
export function zoomOf(element) {
  return element.currentCSSZoom ?? 1;
}

/** What an edit did, compared with the screening that stopped the draft. */
export function changes({ cleared, left }, words) {
  return el(
    "ul",
    { className: "changes" },
    ...cleared.map((finding) => change("cleared", finding, words)),
    ...left.map((finding) => change("left", finding, words)),
  );
}

function change(kind, finding, words) {
  return el("li", { className: kind }, el("b", {}, words[kind]), " ", quoted(finding.text) || finding.message);
}

export function quoted(text) {
  return text && el("q", { dir: "auto" }, shorten(text));
}

function shorten(text) {
  return text.replace(/^(.{100}).+/su, "$1…");
}

/** A labelled text area for a reason or an appeal, with what was said before. */
export function question(label, said, onSaid) {
  const area = el("textarea", { rows: 2, maxLength: 1000, value: said ?? "", oninput: () => onSaid(area.value) });
  return { area, element: el("label", {}, label, area) };
}

/** The panel's frame: a heading, then what there is to say. */
export function panel(kind, heading, ...children) {
  return el(
    "section",
    { className: `panel ${kind}`, role: "group", ariaLabel: heading },
    el("h2", { tabIndex: -1 }, el("span", { className: "sign" }), heading),
    ...children,
  );
}

export function actions(...buttons) {
  return el("p", { className: "actions" }, ...buttons);
}
