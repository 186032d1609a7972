// A cross over a picture that keys move: where Enter marks. It moves by what is seen, so that zoom makes it finer.

import { clamped } from "./shapes.js";

const STEP = 8; // CSS pixels a key moves it; with Shift one pixel of the picture

export class Cross {
  constructor({ stage, places }) { Object.assign(this, { stage, places, pane: null, point: null }); }

  get isOn() { return this.pane !== null && this.places.panes.includes(this.pane); }
  get state() { return this.isOn ? { pane: this.pane, point: this.point } : null; }

  hide() { this.pane = null; }

  // In the middle of what is seen of the pane.
  show(pane) {
    const { x, y, scale } = pane.at;
    this.pane = pane;
    this.point = clamped([(pane.cell.width / 2 - x) / scale, (pane.cell.height / 2 - y) / scale].map(Math.round), pane.medium);
  }

  moveBy(dx, dy, isFine) {
    const step = isFine ? 1 : STEP / this.pane.at.scale;
    const to = [this.point[0] + dx * step, this.point[1] + dy * step];
    this.point = clamped(isFine ? to.map(Math.round) : to, this.pane.medium);
    this.keepInView();
  }

  // Zoomed in, the picture follows.
  keepInView() {
    const { x, y, scale } = this.pane.at;
    const { width, height } = this.pane.cell;
    const beyond = (place, length) => Math.min(length - place, 0) || Math.max(-place, 0);
    const [dx, dy] = [beyond(x + this.point[0] * scale, width), beyond(y + this.point[1] * scale, height)];
    if (dx || dy) this.stage.moveBy(dx, dy);
  }

  // To the same place of the next picture that can be marked.
  next() {
    const { panes } = this.places;
    if (!this.isOn) return;
    const pane = panes[(panes.indexOf(this.pane) + 1) % panes.length];
    const [x, y] = [this.point[0] / this.pane.medium.width, this.point[1] / this.pane.medium.height];
    this.pane = pane;
    this.point = clamped([x * pane.medium.width, y * pane.medium.height], pane.medium);
  }
}
