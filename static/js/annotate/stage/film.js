// The strip under a set of pictures or views: in their order, the shown one marked.

import { make, makeButton } from "../dom.js";

export class Film {
  // `onTurn(index)` is told which one somebody asks for.
  constructor(media, words, onTurn) {
    this.frames = media.map((medium, index) => frame(medium, index, words, () => onTurn(index)));
    this.element = make("div", { class: "canvas-film", role: "group", "aria-label": words.say("film") }, this.frames);
  }

  mark(current) {
    this.frames.forEach((made, index) => made.setAttribute("aria-pressed", String(index === current)));
    const shown = this.frames[current];
    // Not scrollIntoView: it would also scroll the page.
    this.element.scrollLeft = shown.offsetLeft - (this.element.clientWidth - shown.offsetWidth) / 2;
  }
}

function frame(medium, index, words, onclick) {
  const address = medium.kind === "video" ? medium.spec.poster : medium.spec.url;
  const label = medium.role ? roleName(medium.role, words) : words.say("film_frame", { number: index + 1 });
  return makeButton(
    { class: "canvas-film-frame", "aria-label": label, title: label, onclick },
    address ? make("img", { src: address, alt: "", draggable: "false", decoding: "async" }) : null,
    make("span", { class: "canvas-film-name" }, medium.role ? label : String(index + 1)),
  );
}

export function roleName(role, words) {
  return words.has(`role_${role}`) ? words.say(`role_${role}`) : role;
}
