// Drawn signs and the buttons that carry them.

import { makeButton } from "../dom.js";

export const SVG = "http://www.w3.org/2000/svg";

// A button with a sign (an SVG path in a box of 16 by 16) and its name for those who do not see it.
export function iconButton(className, label, path, onclick) {
  return named(makeButton({ class: className, onclick }, icon(path)), label);
}

export function named(button, label) {
  button.setAttribute("aria-label", label);
  button.title = label;
  return button;
}

export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "canvas-icon");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
