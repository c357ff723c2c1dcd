// The edit that puts offered words in the place of those at fault.

/** Where the sentence at fault stands now. @returns {[number, number]} */
function sentence({ start, finding }) {
  const shift = start - finding.start;
  return [finding.replace_start + shift, finding.replace_end + shift];
}

/**
 * One edit for all the sentences that the words are offered for: from the first to the last, what stands between them
 * is kept. @param {import("./underlines.js").Mark[]} marks @returns {[number, number, string]}
 */
export function merged(text, marks, replacement) {
  const places = marks.map(sentence).sort((a, b) => a[0] - b[0]);
  const [first, begun] = places[0];
  let end = begun;
  for (const [from, to] of places) {
    if (from > end && text.slice(end, from).trim()) replacement += text.slice(end, from);
    end = Math.max(end, to);
  }
  return [first, first + text.slice(first, end).trimEnd().length, replacement];
}
