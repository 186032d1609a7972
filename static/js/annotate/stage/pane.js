// One place of an item: its media one at a time, the drawing layer over each, its words, its name.

import { make } from "../dom.js";
import { placed } from "./geometry.js";
import { Film } from "./film.js";
import { SVG } from "./make.js";
import { TextView } from "./text.js";

const TEXT_SHARE = 0.32; // of a cell that holds a picture and words
export const FILM_HEIGHT = 60; // CSS pixels under the picture of a set

function overlayFor(medium) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "canvas-overlay");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("viewBox", `0 0 ${medium.width} ${medium.height}`);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

export class Pane {
  // `place` is the sample's place as shown, or null for the pane of inputs, whose media carry `role` and `position`.
  constructor({ place, media, text = null, words, onTurn }) {
    Object.assign(this, { place, media, words, current: 0, cell: null, at: null, layers: [] });
    this.view = make("div", { class: "canvas-view", hidden: !media.length });
    this.badge = make("span", { class: "canvas-badge", "aria-hidden": "true" }); // the group has this name already
    this.overlays = media.map(overlayFor);
    this.failure = make("p", { class: "canvas-failure" }, words.say("failed"));
    this.text = text === null ? null : new TextView(text, { className: "canvas-words" });
    this.film = media.length > 1 ? new Film(media, words, (index) => onTurn(this, index)) : null;
    this.element = make(
      "div",
      { class: "canvas-pane", role: "group", tabindex: "0", data: { place: place ?? "input" } },
      this.view, this.film?.element, this.text?.element, this.badge,
    );
    media.forEach((medium, index) => this.view.append(medium.element, this.overlays[index]));
    this.view.append(this.failure);
    this.turnTo(0);
  }

  get medium() { return this.media[this.current] ?? null; }
  get overlay() { return this.overlays[this.current] ?? null; }
  get role() { return this.medium?.role ?? null; }
  get isInput() { return this.place === null; }
  get index() { return this.isInput ? this.medium.position : this.current; }

  rename(name) {
    this.name = name;
    this.element.setAttribute("aria-label", name);
    this.badge.textContent = name;
    for (const medium of this.media) medium.rename(this.labelOf(medium, name));
    this.text?.element.setAttribute("aria-label", this.words.say("text_label", { name }));
  }

  labelOf(medium, name) {
    const key = medium.kind === "video" ? "video_label" : "picture_label";
    return this.words.say(key, { name, width: medium.width, height: medium.height });
  }

  // A picture laid over every medium of the pane: a mask, or the source while its key is held.
  addLayer(layer) {
    this.layers.push(layer);
    layer.element.classList.add("canvas-layer");
    this.view.insertBefore(layer.element, this.overlays[0]);
  }

  turnTo(index) {
    this.current = Math.min(Math.max(index, 0), Math.max(this.media.length - 1, 0));
    this.media.forEach((medium, place) => {
      medium.element.classList.toggle("is-turned-away", place !== this.current);
      this.overlays[place].classList.toggle("is-turned-away", place !== this.current);
    });
    this.failure.hidden = !this.medium?.failed;
    this.film?.mark(this.current);
  }

  // `rect`: {left, top, width, height} in the scene, `under` what film and words take of it; CSS pixels.
  layOut(rect, under) {
    this.rect = rect;
    Object.assign(this.element.style, {
      left: `${rect.left}px`, top: `${rect.top}px`, width: `${rect.width}px`, height: `${rect.height}px`,
    });
    this.cell = { width: rect.width, height: Math.max(rect.height - under, 1) };
    this.view.style.height = `${this.cell.height}px`;
  }

  // What film and words take of a cell of this height.
  under(height) {
    if (!this.media.length) return 0;
    return (this.film ? FILM_HEIGHT : 0) + (this.text ? Math.round(height * TEXT_SHARE) : 0);
  }

  show(view, devicePixels, isCrisp) {
    if (!this.medium || !this.cell) return;
    this.at = placed(this.medium, this.cell, view, devicePixels);
    const { x, y, scale } = this.at;
    moveTo(this.medium.element, this.at);
    for (const layer of this.layers) moveTo(layer.element, placed(layer, this.cell, view, devicePixels));
    this.view.classList.toggle("is-crisp", isCrisp);
    // The layer covers the cell and looks at the part of the medium that is in it: lines keep their width at any zoom.
    const seen = [-x, -y, this.cell.width, this.cell.height].map((length) => length / scale);
    this.overlay.setAttribute("viewBox", seen.join(" "));
  }

  // A point of the window as a pixel of the rendition: {place, role, media, x, y}. May lie outside the medium.
  toPixels(clientX, clientY) {
    const box = this.view.getBoundingClientRect();
    return {
      place: this.place,
      role: this.role,
      media: this.index,
      x: (clientX - box.left - this.at.x) / this.at.scale,
      y: (clientY - box.top - this.at.y) / this.at.scale,
    };
  }

  // A pixel of medium number `media` as a point of the window; null while another medium of the pane is shown.
  toClient(media, x, y) {
    if (media !== this.index) return null;
    const box = this.view.getBoundingClientRect();
    return { x: box.left + this.at.x + x * this.at.scale, y: box.top + this.at.y + y * this.at.scale };
  }

  release() {
    for (const medium of [...this.media, ...this.layers]) medium.release();
    this.element.remove();
  }
}

function moveTo(element, { x, y, scale }) {
  element.style.transform = `matrix(${scale},0,0,${scale},${x},${y})`;
}
