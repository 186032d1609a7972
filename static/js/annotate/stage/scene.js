// An item as it is shown: its panes, decoded and laid out. Waiting scenes lie under the shown one, already painted.

import { make } from "../dom.js";
import { roleName } from "./film.js";
import { arrange } from "./layout.js";
import { load, tintOf } from "./media.js";
import { Pane } from "./pane.js";
import { Player } from "./player.js";
import { Veil } from "./veil.js";

const ROLE_ORDER = ["source", "reference", "control", "mask"];
const scenes = new WeakMap(); // element -> Scene

export class Scene {
  constructor({ item, samples, inputs, words }) {
    Object.assign(this, { item, samples, inputs, words, shown: [], isBeside: false, state: null });
    this.panes = [...(inputs ? [inputs] : []), ...samples];
    this.veils = samples.filter((pane) => item.samples[samples.indexOf(pane)].is_unsafe).map((pane) => new Veil(pane, words));
    this.player = playerOf(this.panes);
    this.board = make("div", { class: "canvas-board" }, this.panes.map((pane) => pane.element));
    this.element = make("div", { class: "canvas-scene is-waiting", inert: true }, this.board);
    this.couple = this.firstCouple();
    scenes.set(this.element, this);
  }

  // Loads everything of an item; a file that cannot be read becomes a pane that says so.
  static async of(item, { words, onTurn }) {
    const [samples, inputs] = await Promise.all([
      Promise.all(item.samples.map((sample) => samplePane(sample, { words, onTurn }))),
      inputPane(item.prompt.media ?? [], { words, onTurn }),
    ]);
    const scene = new Scene({ item, samples, inputs, words });
    if (inputs) await scene.layOverSamples();
    return scene;
  }

  static within(root) {
    return [...root.querySelectorAll(":scope > .canvas-scene")].map((element) => scenes.get(element));
  }

  // The places whose files could not be read.
  get failures() {
    return this.panes.filter((pane) => pane.media.some((medium) => medium.failed)).map((pane) => pane.place);
  }

  get isText() { return this.samples.every((pane) => !pane.media.length); }
  get hasMask() { return this.panes.some((pane) => pane.layers.some((layer) => layer.isMask)); }
  get canPeek() { return this.samples.some((pane) => pane.layers.some((layer) => !layer.isMask)); }
  get isRowOfTwo() { return this.samples.length === 2 && this.columns === 2 && !this.isBeside; }
  get longestSet() { return Math.max(...this.samples.map((pane) => pane.media.length)); }

  firstCouple() {
    const pictures = this.samples.filter((pane) => pane.medium);
    if (pictures.length >= 2) return pictures.slice(0, 2);
    return pictures.length && this.inputs ? [this.inputs, pictures[0]] : [];
  }

  // Looking at a pane makes it the second of the two that a wipe compares; with two there is no choice.
  attend(pane) {
    if (this.samples.length < 3 || !pane.medium || this.couple.includes(pane)) return;
    this.couple = [this.couple[1], pane];
  }

  // A mask and the source in place of the sample, ready under their keys.
  async layOverSamples() {
    const { media } = this.inputs;
    const first = (role) => media.find((medium) => medium.role === role && medium.kind === "image" && !medium.failed);
    const [mask, source] = [first("mask"), first("source")];
    const shown = this.samples.filter((pane) => pane.media.length);
    if (source) await Promise.all(shown.map(async (pane) => pane.addLayer(await load(source.spec))));
    if (mask) for (const pane of [this.inputs, ...shown]) pane.addLayer(tintOf(mask));
  }

  // -- places -----------------------------------------------------------------------------------
  // Args: `box` the stage's room in CSS pixels; `isBeside` whether the inputs have a place of their own; `isStacked`
  // whether the couple shares one place; `columns` a number of columns to keep, or null.
  layOut(asked) {
    const state = JSON.stringify([asked, this.couple.map((pane) => this.panes.indexOf(pane)), this.panes.map((pane) => pane.current)]);
    if (state === this.state) return; // showing a prepared item must not measure it again
    this.state = state;
    this.arrange(asked);
  }

  arrange({ box, isBeside, isStacked, columns = null }) {
    this.isBeside = isBeside && Boolean(this.inputs);
    this.inputs?.element.classList.toggle("is-out", !this.isBeside && !(isStacked && this.couple.includes(this.inputs)));
    const cells = isStacked ? [this.couple] : (this.isBeside ? this.panes : this.samples).map((pane) => [pane]);
    const panes = cells.flat();
    const under = Math.max(...panes.map((pane) => pane.under(box.height)));
    const aspects = panes.filter((pane) => pane.medium).map((pane) => pane.medium.width / pane.medium.height);
    const grid = arrange({ count: cells.length, box, aspects: this.isText ? [] : aspects, under, columns });
    this.shown = panes;
    cells.forEach((sharing, index) => { for (const pane of sharing) pane.layOut(cellAt(grid, index), under); });
    if (!isStacked) this.nameBy(grid);
  }

  // A pair is named by where it stands, more than two by number, inputs by their role. What shares a place for a wipe
  // keeps the name it had beside the other.
  nameBy({ columns }) {
    this.columns = columns;
    this.inputs?.rename(roleName(this.inputs.role, this.words));
    for (const pane of this.samples) pane.rename(this.nameOf(pane.place));
  }

  nameOf(place) {
    const count = this.samples.length;
    if (count === 1) return this.words.say("only");
    if (count > 2) return this.words.say("place", { number: place + 1 });
    const [one, other] = this.samples.map((pane) => pane.rect);
    const isAbove = one.left === other.left && one.top < other.top;
    return this.words.say([["left", "right"], ["upper", "lower"]][Number(isAbove)][place]);
  }

  place(view, devicePixels, isCrisp = false) {
    for (const pane of this.panes) pane.show(view, devicePixels, isCrisp);
  }

  // -- life -------------------------------------------------------------------------------------
  show() {
    this.element.inert = false;
    this.element.classList.remove("is-waiting");
  }

  hide() {
    this.player?.stop();
    this.element.inert = true;
    this.element.classList.add("is-waiting");
  }

  release() {
    this.player?.stop();
    for (const pane of this.panes) pane.release();
    this.element.remove();
  }
}

function cellAt(grid, index) {
  return {
    left: grid.left + (index % grid.columns) * (grid.width + grid.gap),
    top: grid.top + Math.floor(index / grid.columns) * (grid.height + grid.gap),
    width: grid.width,
    height: grid.height,
  };
}

function playerOf(panes) {
  const videos = panes.flatMap((pane) => pane.media).filter((medium) => medium.kind === "video" && !medium.failed);
  return videos.length ? new Player(videos) : null;
}

async function samplePane(sample, options) {
  const media = await Promise.all(sample.media.map((spec) => load(spec)));
  return new Pane({ place: sample.place, media, text: sample.text, ...options });
}

async function inputPane(specs, options) {
  if (!specs.length) return null;
  const order = (spec) => (ROLE_ORDER.indexOf(spec.role) + 1 || ROLE_ORDER.length + 1) * 1000 + spec.position;
  const sorted = [...specs].sort((one, other) => order(one) - order(other));
  const media = await Promise.all(sorted.map(async (spec) => {
    const medium = await load(spec);
    return Object.assign(medium, { role: spec.role, position: spec.position });
  }));
  return new Pane({ place: null, media, ...options });
}
