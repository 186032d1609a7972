// What the page says: every text comes translated from the server; %(name)s stands for a value.

let texts = {};

export function setTexts(all) { texts = all; }

export function say(key, values = {}) {
  const text = texts[key];
  if (text === undefined) throw new Error(`The page has no text "${key}": annotation/views/annotate_texts.py lists them all.`);
  return text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name] ?? ""));
}
