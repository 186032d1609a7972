// The part of Markdown that answers of models are full of: headings, lists, fences, bold, italics, code. Every piece
// is a verbatim slice of the original with the place where it starts; whatever is not understood stays as it is.

const FENCE = /^ {0,3}(```|~~~)/;
const HEADING = /^ {0,3}(#{1,6}) +/;
const BULLET = /^\s*[-*+] +/;
const NUMBER = /^\s*\d{1,9}[.)] +/;
// Strong text is looked for within 500 characters of a line: without a bound, a text full of open marks takes minutes.
const INLINE = /(`+)([^`]+)\1|(\*\*|__)(?=\S)([^\n]{0,500}?\S)\3|(?<![\w*])(\*|_)(?=[^\s*_])([^*_]*?[^\s*_])\5(?![\w*])/g;

// Returns blocks {tag, kind, spans: [{text, start, tag|null}]}, in order.
export function blocksOf(original) {
  const lines = linesOf(original);
  const blocks = [];
  for (let at = 0; at < lines.length;) {
    const fence = FENCE.exec(lines[at].text);
    const [block, next] = fence ? codeBlock(lines, at, fence[1], original) : plainBlock(lines, at, original);
    if (block) blocks.push(block);
    at = next;
  }
  return blocks;
}

function linesOf(original) {
  let start = 0;
  return original.split("\n").map((text) => {
    const line = { text, start };
    start += text.length + 1;
    return line;
  });
}

function codeBlock(lines, at, mark, original) {
  let end = at + 1;
  while (end < lines.length && !lines[end].text.trimStart().startsWith(mark)) end += 1;
  const start = lines[at + 1]?.start ?? original.length;
  const stop = end > at + 1 ? lines[end - 1].start + lines[end - 1].text.length : start;
  return [{ tag: "pre", kind: "fence", spans: [{ text: original.slice(start, stop), start, tag: "code" }] }, end + 1];
}

function plainBlock(lines, at, original) {
  const { text, start } = lines[at];
  if (!text.trim()) return [null, at + 1];
  for (const [pattern, kind, tag] of [[HEADING, "heading", "p"], [BULLET, "bullet", "p"], [NUMBER, "number", "p"]]) {
    const found = pattern.exec(text);
    // The number of a step is part of what was said and stays; signs for headings and bullets do not.
    const skip = found && kind !== "number" ? found[0].length : 0;
    if (found) return [{ tag, kind, spans: spansOf(text.slice(skip), start + skip) }, at + 1];
  }
  return paragraph(lines, at, original);
}

function paragraph(lines, at, original) {
  let end = at + 1;
  while (end < lines.length && lines[end].text.trim() && !startsBlock(lines[end].text)) end += 1;
  const { start } = lines[at];
  const stop = lines[end - 1].start + lines[end - 1].text.length;
  return [{ tag: "p", kind: "paragraph", spans: spansOf(original.slice(start, stop), start) }, end];
}

function startsBlock(text) { return [FENCE, HEADING, BULLET, NUMBER].some((pattern) => pattern.test(text)); }

function spansOf(text, start) {
  const spans = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > at) spans.push({ text: text.slice(at, found.index), start: start + at, tag: null });
    spans.push(marked(found, start));
    at = found.index + found[0].length;
  }
  if (at < text.length) spans.push({ text: text.slice(at), start: start + at, tag: null });
  return spans;
}

function marked(found, start) {
  const [mark, inner, tag] = found[1] ? [found[1], found[2], "code"]
    : found[3] ? [found[3], found[4], "strong"] : [found[5], found[6], "em"];
  return { text: inner, start: start + found.index + mark.length, tag };
}
