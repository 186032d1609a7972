// Elements without a template language: make("button", {class: "x", onclick: run}, "words", child).

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) give(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function give(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "data") Object.assign(element.dataset, value);
  else element.setAttribute(name, value === true ? "" : value);
}

// A button that leaves the focus where it was when a mouse or finger presses it: the next key is meant for the page.
export function makeButton(attributes, ...children) {
  const button = make("button", { type: "button", ...attributes }, ...children);
  button.addEventListener("click", (event) => { if (event.detail > 0) button.blur(); });
  return button;
}

// After the coming frame has been painted: work that the eye need not wait for.
export function afterPaint(run) {
  requestAnimationFrame(() => { setTimeout(run, 0); });
}

export function byClass(name, within = document) { return within.querySelector(`.${name}`); }
