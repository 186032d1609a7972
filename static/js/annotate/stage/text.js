// What people and models wrote, shown as text: plain, or with the few marks of Markdown made into elements.
//
// Nothing here reads HTML. Every character that is shown stands in a text node, and every text node knows where in the
// original its characters begin, so that a place in the text can be named in Unicode code points and found again,
// formatted or not.

import { make } from "../dom.js";
import { blocksOf } from "./markdown.js";

const views = new WeakMap(); // element -> TextView
const sources = new WeakMap(); // text node -> where its first character stands in the original, in UTF-16 units

export class TextView {
  constructor(text, { className = "canvas-words" } = {}) {
    this.original = text;
    this.isFormatted = false;
    // Focusable: a text that scrolls must scroll by keyboard too.
    this.element = make("div", { class: className, tabindex: "0", role: "group", dir: "auto" });
    views.set(this.element, this);
    this.format(false);
  }

  static of(element) { return views.get(element) ?? null; }

  format(isFormatted) {
    this.isFormatted = isFormatted;
    this.element.classList.toggle("is-formatted", isFormatted);
    this.element.replaceChildren(...(isFormatted ? formatted(this.original) : [textNode(this.original, 0)]));
  }

  // Where a point of the page's selection stands in the original, in code points; null outside this text.
  offsetOf(node, offset) {
    if (!this.element.contains(node)) return null;
    const [text, within] = node.nodeType === Node.TEXT_NODE ? [node, offset] : this.nearest(node, offset);
    return text ? codePoints(this.original.slice(0, sources.get(text) + within)) : 0;
  }

  nearest(node, offset) {
    const before = textNodesOf(this.element).filter((text) => {
      const range = document.createRange();
      range.setStart(node, offset);
      return range.comparePoint(text, text.length) <= 0;
    });
    const last = before.at(-1);
    return last ? [last, last.length] : [null, 0];
  }

  // The ranges of the page that show code points `start` up to (not with) `end`; several where marks lie between.
  rangesOf(start, end) {
    const [from, to] = [start, end].map((count) => units(this.original, count));
    return textNodesOf(this.element).flatMap((text) => {
      const first = sources.get(text);
      const [low, high] = [Math.max(from, first), Math.min(to, first + text.length)];
      if (low >= high) return [];
      const range = document.createRange();
      range.setStart(text, low - first);
      range.setEnd(text, high - first);
      return [range];
    });
  }
}

export function codePoints(text) { return [...text].length; }

// How many UTF-16 units the first `count` code points take.
export function units(text, count) { return [...text].slice(0, count).join("").length; }

function textNode(text, start) {
  const node = document.createTextNode(text);
  sources.set(node, start);
  return node;
}

function textNodesOf(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) if (sources.has(walker.currentNode)) found.push(walker.currentNode);
  return found;
}

function formatted(text) {
  return blocksOf(text).map((block) => make(block.tag, { class: `canvas-${block.kind}` }, ...block.spans.map(span)));
}

function span({ text, start, tag }) {
  return tag ? make(tag, {}, textNode(text, start)) : textNode(text, start);
}

// -- prompts ------------------------------------------------------------------------------------
// The turns of a conversation, each a text of its own; who speaks is said in words.
export function turnsView(turns, words) {
  return make("ol", { class: "canvas-turns" }, turns.map((turn) => turnView(turn, words)));
}

function turnView(turn, words) {
  const known = words.has(`turn_${turn.role}`) ? words.say(`turn_${turn.role}`) : turn.role;
  const view = new TextView(contentOf(turn.content), { className: "canvas-turn-words" });
  view.element.removeAttribute("tabindex"); // the list scrolls, not the turn
  view.element.removeAttribute("role");
  return make("li", { class: "canvas-turn" }, make("span", { class: "canvas-turn-role" }, known), view.element);
}

// A turn's content is a text, or the parts of a message of which the texts are shown.
export function contentOf(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return JSON.stringify(content);
  return content.map((part) => (typeof part === "string" ? part : part?.text ?? `[${part?.type ?? "?"}]`)).join("\n");
}
