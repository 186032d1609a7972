// Drawn elements: svg("rect", {x: 1, class: "a"}, child).

import { SVG } from "../stage/make.js";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
