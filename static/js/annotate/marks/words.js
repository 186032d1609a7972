// Where words stand in a text, in Unicode code points: half-open spans [start, end).
//
// JavaScript counts UTF-16 units, in which an emoji takes two or more; the server counts code points, as Python does.

// What can be marked by one click: words as the language cuts them, and signs such as emoji, which are words here too.
const SIGN = /[\p{S}\p{Extended_Pictographic}\p{Regional_Indicator}]/u;

export function wordsOf(text, locale) {
  let start = 0;
  const found = [];
  for (const { segment, isWordLike } of segmenter(locale).segment(text)) {
    const end = start + [...segment].length;
    if (isWordLike || SIGN.test(segment)) found.push({ start, end });
    start = end;
  }
  return found;
}

function segmenter(locale) {
  const options = { granularity: "word" };
  try {
    return new Intl.Segmenter(locale || undefined, options);
  } catch {
    return new Intl.Segmenter(undefined, options); // a prompt's locale need not be one that browsers know
  }
}

export function excerpt(text, { start, end }) { return [...text].slice(start, end).join(""); }

// The span without the white space at its ends; null where nothing is left.
export function trimmed(text, { start, end }) {
  const inside = excerpt(text, { start, end });
  const length = [...inside.trim()].length;
  if (!length) return null;
  const first = start + [...inside].length - [...inside.trimStart()].length;
  return { start: first, end: first + length };
}

// One edge of a span moved to the next or previous edge of a word; the span as it is where that leaves nothing.
export function stretched(words, { start, end }, edge, direction) {
  const edges = words.map((word) => word[edge]).sort((one, other) => one - other);
  const from = edge === "start" ? start : end;
  const to = direction > 0 ? edges.find((place) => place > from) : edges.findLast((place) => place < from);
  const span = to === undefined ? { start, end } : { start, end, [edge]: to };
  return span.start < span.end ? span : { start, end };
}
