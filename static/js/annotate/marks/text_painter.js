// Spans of a text as underlines with a number, and the word that keys have come to.

import { make } from "../dom.js";

export class TextPainter {
  // `key`: of the question, whose marks have a layer of their own.
  constructor(key) { this.key = key; }

  // `spans`: [{mark, number, tone, isSelected}]; `caret`: the span that keys have come to, or null.
  paint({ view }, spans, caret) {
    const { element } = view;
    const layer = this.layerOf(element);
    element.classList.add("has-marks");
    layer.replaceChildren(
      ...spans.flatMap((one) => this.underlines(view, one)),
      ...(caret ? this.boxes(view, caret).map((box) => placedAt(make("span", { class: "mark-caret" }), box)) : []),
    );
    if (!layer.parentNode) element.append(layer);
  }

  clear({ view }) {
    view.element.classList.remove("has-marks");
    this.layerOf(view.element).remove();
  }

  layerOf(element) {
    return [...element.children].find((child) => child.dataset.question === this.key) ?? make("span", { class: "mark-words", "aria-hidden": "true", data: { question: this.key } });
  }

  underlines(view, { mark, number, tone, isSelected }) {
    return this.boxes(view, mark).map((box, index) => {
      const line = placedAt(make("span", { class: `mark-span tone-${tone}${isSelected ? " is-selected" : ""}` }), box);
      if (!index) line.append(make("b", { class: "mark-span-number" }, String(number)));
      return line;
    });
  }

  // In pixels of the element's own content, so that they move along when it scrolls.
  boxes(view, { start, end }) {
    const { element } = view;
    const own = element.getBoundingClientRect();
    const origin = { x: own.left + element.clientLeft - element.scrollLeft, y: own.top + element.clientTop - element.scrollTop };
    return view.rangesOf(start, end).flatMap((range) => [...range.getClientRects()]).filter(({ width }) => width > 0)
      .map(({ left, top, width, height }) => ({ left: left - origin.x, top: top - origin.y, width, height }));
  }
}

function placedAt(element, box) {
  for (const [name, length] of Object.entries(box)) element.style[name] = `${length}px`;
  return element;
}
