// The edit that puts offered words in the place of those at fault: the whole offer goes, a greeting or the mark of a list
// item before it stays.

/** @typedef {{start: number, end: number, text: string}} Edit */

const BEFORE = /^\s*(?:(?:[-*•–]|\d{1,2}[.)])\s+|(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b[^,.!?:;\n]{0,40}[,!:]\s+)/iu;
const LIST = /^[ \t]*\n(?:[ \t]*\n)?(?:[ \t]*(?:[-*•–]|\d{1,2}[.)])[ \t][^\n]*(?:\n|$))+/u;
const REST = new RegExp(
  "^\\s*(?:(?:so |just |please |simply )?(?:reply|answer|confirm|say yes|let (?:me|us) know|tell (?:me|us))|if (?:so|yes|that|this|it|you (?:agree|accept|like|want|prefer|are))|" +
    "(?:would|is|does|shall) (?:that|this|it)|we(?:'ll|’ll| will| can) (?:then )?(?:ship|send) (?:it|that|them))\\b[^.!?\\n]*[.!?]*",
  "iu",
);

/** Where the sentence at fault stands now. */
function sentence({ start, end, finding }) {
  const shift = start - finding.start;
  return finding.replace_start == null ? [start, end] : [finding.replace_start + shift, finding.replace_end + shift];
}

/** The whole of an offer: without what opens the sentence, with the list and the request for an answer that follow. */
function whole(text, [start, end]) {
  const opening = BEFORE.exec(text.slice(start, end));
  if (opening) start += opening[0].length;
  if (/[:]\s*$/.test(text.slice(start, end))) end += LIST.exec(text.slice(end).replace(/^\n/, "\n"))?.[0].length ?? 0;
  for (let next; (next = REST.exec(text.slice(end))); ) end += next[0].length;
  return [start, start + text.slice(start, end).trimEnd().length];
}

/** The places of marks as whole offers, in order, overlapping ones as one. @returns {[number, number][]} */
function places(text, marks) {
  /** @type {[number, number][]} */
  const all = [];
  for (const [start, end] of marks.map((mark) => whole(text, sentence(mark))).sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}

/**
 * One edit for all the sentences that the words are offered for: the words take the place of the first, the others go;
 * what stands between them is kept. @param {import("./underlines.js").Mark[]} marks @returns {Edit}
 */
export function merged(text, marks, words) {
  const [first, ...others] = places(text, marks);
  const joined = (more) => (/\n\s*$/.test(words) && /^[ \t]*\n/.test(more) ? words.trimEnd() : words);
  let end = first[1];
  for (const [from, to] of others) {
    const between = text.slice(end, from);
    if (between.trim()) words = joined(between) + between.replace(/[ \t]*(?:[-*•–]|\d{1,2}[.)])?[ \t]*$/u, "");
    end = to;
  }
  words = joined(text.slice(end));
  return { start: first[0], end, text: words };
}

/** One edit that takes all those sentences out, with the line that then holds nothing. @returns {Edit} */
export function removed(text, marks) {
  const { start, end, text: kept } = merged(text, marks, "");
  if (kept.trim()) return { start, end, text: kept.trimStart() };
  const [before, after] = [text.slice(0, start), text.slice(end)];
  const line = /(?:^|\n)([ \t]*(?:[-*•–]|\d{1,2}[.)])?[ \t]*)$/u.exec(before);
  const spaces = /^[ \t]*/.exec(after)[0].length;
  const last = /^[ \t]*(?:\n|$)/.exec(after);
  if (line && last) return { start: start - line[1].length, end: end + /^[ \t]*\n?(?:[ \t]*\n)?/.exec(after)[0].length, text: "" };
  return last ? { start: before.trimEnd().length, end, text: "" } : { start, end: end + spaces, text: "" };
}

/** @param {Edit} edit */
export function applied(text, { start, end, text: words }) {
  return text.slice(0, start) + words + text.slice(end);
}
