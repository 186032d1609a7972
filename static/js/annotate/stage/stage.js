// One stage shows one scene at a time: a view, a mode, and the actions that change them.

import { actionsOf } from "./actions.js";
import { FIT, actualZoom, covered, held, limits, moved, zoomedAt } from "./geometry.js";
import { followPointers } from "./gestures.js";
import { Modes } from "./modes.js";
import { SPEEDS } from "./player.js";
import { Scene } from "./scene.js";
import { Toolbar } from "./toolbar.js";
import { Transport } from "./transport.js";
import { Words } from "./words.js";

const WIDE = 900; // CSS pixels: from here on there is room for the inputs beside a pair
const NARROW = 600; // CSS pixels: up to here the bar under videos has two lines
const CRISP_ABOVE = 200; // per cent: from here on pixels are shown as squares
const TRANSPORT = { one: 44, two: 80 }; // CSS pixels, as in stage.css

export function createStage(root, options) { return new Stage(root, options); }

const nothing = () => {};

export class Stage extends EventTarget {
  // Args: `texts` every text of annotation/views/stage_texts.py; `onChange(name, detail)` hears every event;
  // `onPick(place, event)` a tap, click or Enter on a sample; `announce(text)` speaks to a screen reader.
  constructor(root, { texts, onChange = nothing, onPick = nothing, announce = nothing }) {
    super();
    Object.assign(this, { root, words: new Words(texts), onChange, onPick, announce });
    Object.assign(this, { scene: null, view: FIT, tool: "hand", columns: new Map() });
    // What somebody chose stays for the next items: beside (null: where there is room), formatted, scroll-locked.
    Object.assign(this, { beside: null, isFormatted: false, isScrollLocked: false, isMasked: false, isPeeking: false });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.modes = new Modes(this);
    this.actions = actionsOf(this);
    this.transport = new Transport(this);
    this.tools = new Toolbar(this);
    root.classList.add("canvas");
    root.append(this.modes.divider, this.transport.element);
    followPointers(this);
    this.listen();
  }

  listen() {
    new ResizeObserver(() => this.layOut()).observe(this.root);
    this.root.addEventListener("focusin", (event) => this.attend(event));
    this.root.addEventListener("scroll", (event) => this.scrolled(event), { capture: true, passive: true });
    this.onTime = ({ detail }) => {
      this.transport.update();
      this.tell("timechange", detail);
    };
  }

  get toolbar() { return this.tools.element; }
  get panes() { return this.scene?.panes ?? []; }
  get player() { return this.scene?.player ?? null; }
  get mode() { return this.modes.name; }
  get devicePixels() { return window.devicePixelRatio || 1; }
  get isFit() { return Math.abs(this.view.zoom - 1) < 1e-3; }
  // Whether a drag on the stage means something here: the page must not take it for a swipe.
  get ownsDrag() { return !this.isFit || this.mode === "wipe" || this.tool === "draw"; }

  // -- scenes -----------------------------------------------------------------------------------
  async prepare(item) {
    const scene = await Scene.of(item, { words: this.words, onTurn: (pane, index) => this.turnPane(pane, index) });
    for (const pane of scene.samples) pane.text?.format(this.isFormatted);
    this.root.append(scene.element);
    this.layOutScene(scene, false);
    scene.place(FIT, this.devicePixels);
    return scene;
  }

  // Everything was done in `prepare`: here layers only change places.
  show(scene) {
    const focused = this.panes.findIndex(({ element }) => element.contains(document.activeElement));
    if (this.scene !== scene) this.leave();
    this.scene = scene;
    scene.show();
    scene.panes[focused]?.element.focus({ preventScroll: true }); // whoever stood on the left stays on the left
    scene.player?.addEventListener("timechange", this.onTime);
    this.transport.follow(scene.player);
    this.setMode("pair");
    this.lookAt(FIT);
    this.tools.update();
    if (scene.player && !this.calm.matches) scene.player.play();
    this.tell("scenechange");
  }

  leave() {
    this.setPeeking(false);
    this.setMasked(false);
    this.player?.removeEventListener("timechange", this.onTime);
    this.scene?.hide();
  }

  release(scene) {
    if (this.scene === scene) {
      this.leave();
      this.transport.follow(null);
      this.scene = null;
    }
    scene.release();
  }

  // -- places -----------------------------------------------------------------------------------
  layOut() {
    this.root.classList.toggle("is-narrow", this.root.clientWidth <= NARROW);
    for (const scene of Scene.within(this.root)) this.layOutScene(scene, scene === this.scene && this.modes.isStacked);
    this.modes.paint();
    this.lookAt(this.view);
  }

  layOutScene(scene, isStacked) {
    const { clientWidth: width, clientHeight } = this.root;
    const bar = width > NARROW ? TRANSPORT.one : TRANSPORT.two;
    const box = { width, height: clientHeight - (scene.player ? bar : 0) };
    const isBeside = this.beside ?? (scene.isText || (box.width >= WIDE && scene.samples.length <= 2));
    const isPair = scene.samples.length === 2 && !isStacked && !(isBeside && scene.inputs);
    const key = `${box.width}x${box.height}`;
    // A pair stands the way the first one did: "left" must not become "upper" from one item to the next.
    scene.layOut({ box, isBeside, isStacked, columns: isPair ? this.columns.get(key) : null });
    if (isPair) this.columns.set(key, scene.columns);
  }

  placeName(place) { return this.scene.samples[place].name; }

  // -- the view ---------------------------------------------------------------------------------
  get measured() {
    const shown = (this.scene?.shown ?? []).filter((pane) => pane.medium && pane.cell);
    return shown.length ? { media: shown.map((pane) => pane.medium), cell: shown[0].cell } : null;
  }

  lookAt(view) {
    if (!this.measured) return;
    const { media, cell } = this.measured;
    this.view = held(view, covered(media, cell), limits(media, cell, this.devicePixels));
    // All alike, and only when somebody looks closely: a small picture at fit stays as smooth as its larger neighbour.
    this.scene.place(this.view, this.devicePixels, this.percent > CRISP_ABOVE && this.view.zoom > 1);
    this.tools.showZoom();
    this.tell("viewchange", this.view);
  }

  // Device pixels to one pixel of the largest picture, in hundredths.
  get percent() {
    if (!this.measured) return 100;
    return (100 * this.view.zoom) / actualZoom(this.measured.media, this.measured.cell, this.devicePixels);
  }

  fit() { this.lookAt(FIT); }

  // One pixel of the largest picture on one of the screen, about the point {x, y} of a cell (default: its middle).
  actual(point) { this.zoomBy(100 / this.percent, point); }

  zoomBy(factor, point) {
    if (!this.measured) return;
    const { media, cell } = this.measured;
    const { least, most } = limits(media, cell, this.devicePixels);
    const zoom = Math.min(Math.max(this.view.zoom * factor, least), most);
    this.lookAt(zoomedAt(this.view, zoom / this.view.zoom, point ?? { x: cell.width / 2, y: cell.height / 2 }, cell));
  }

  // By CSS pixels, as a hand moves paper.
  moveBy(dx, dy) {
    if (this.measured) this.lookAt(moved(this.view, dx, dy, this.measured.cell));
  }

  sayZoom() { this.announce(this.words.say("zoom_is", { percent: Math.round(this.percent) })); }

  // -- manner -----------------------------------------------------------------------------------
  setMode(name) {
    this.modes.set(name);
    this.tools.update();
    this.tell("modechange", this.mode);
  }

  attend({ target }) {
    const pane = this.panes.find(({ element }) => element.contains(target));
    if (!pane || this.modes.isStacked) return;
    this.scene.attend(pane);
  }

  // The next or previous picture of the sets, in all samples at once.
  turnBy(step) {
    const current = Math.max(...this.scene.samples.map((pane) => pane.current));
    this.turnTo(Math.min(Math.max(current + step, 0), this.scene.longestSet - 1));
  }

  turnTo(index) {
    for (const pane of this.scene.samples) pane.turnTo(index);
    this.announce(this.words.say("film_is", { number: index + 1, count: this.scene.longestSet }));
    this.turned();
  }

  turnPane(pane, index) {
    if (!pane.isInput) {
      this.turnTo(index);
      return;
    }
    pane.turnTo(index);
    this.turned();
  }

  turned() {
    this.layOut();
    this.tell("mediachange");
  }

  setBeside(isBeside) {
    this.beside = isBeside;
    this.layOut();
    this.tools.update();
  }

  get isBeside() { return this.scene?.isBeside ?? false; }

  setMasked(isMasked) {
    this.isMasked = isMasked;
    this.scene?.element.classList.toggle("is-masked", isMasked);
    this.tools.update();
  }

  setPeeking(isPeeking) {
    this.isPeeking = isPeeking;
    this.scene?.element.classList.toggle("is-peeking", isPeeking);
    this.tools.update();
  }

  // A key shows the source while it is down; a button shows it until it is pressed again.
  peek(event) {
    if (event?.type !== "keydown") {
      this.setPeeking(!this.isPeeking);
      return;
    }
    this.setPeeking(true);
    const end = (up) => {
      if (up.type === "keyup" && up.code !== event.code) return;
      removeEventListener("keyup", end);
      removeEventListener("blur", end);
      this.setPeeking(false);
    };
    addEventListener("keyup", end);
    addEventListener("blur", end);
  }

  setVeils(isCovering) {
    for (const veil of this.scene.veils) veil.set(isCovering);
  }

  // -- sound and speed --------------------------------------------------------------------------
  changeSpeed(by) {
    const next = SPEEDS[Math.min(Math.max(SPEEDS.indexOf(this.player.speed) + by, 0), SPEEDS.length - 1)];
    this.player.setSpeed(next);
    this.announce(this.words.say("speed_times", { speed: next }));
  }

  // Off, then each in turn.
  turnSound() {
    const { player } = this;
    const next = player.heard === null ? 0 : player.heard + 1;
    player.hear(next < player.videos.length ? next : null);
    const pane = this.panes.find(({ media }) => media.includes(player.videos[player.heard]?.medium));
    this.announce(pane ? this.words.say("sound_of", { name: pane.name }) : this.words.say("sound_off"));
  }

  // -- words ------------------------------------------------------------------------------------
  setFormatted(isFormatted) {
    this.isFormatted = isFormatted;
    for (const scene of Scene.within(this.root)) for (const pane of scene.samples) pane.text?.format(isFormatted);
    this.tools.update();
    this.tell("mediachange");
  }

  setScrollLocked(isLocked) {
    this.isScrollLocked = isLocked;
    this.tools.update();
  }

  // Locked, the same share of every text is above the edge: texts of other lengths end together.
  scrolled({ target }) {
    if (!this.isScrollLocked || this.isScrolling) return;
    const texts = this.panes.map((pane) => pane.text?.element).filter(Boolean);
    if (!texts.includes(target)) return;
    const share = target.scrollTop / Math.max(target.scrollHeight - target.clientHeight, 1);
    this.isScrolling = true; // what follows scrolls too, and must not answer
    for (const other of texts) if (other !== target) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
    requestAnimationFrame(() => { this.isScrolling = false; });
  }

  // ---------------------------------------------------------------------------------------------
  run(id, event) {
    const action = this.actions.find((known) => known.id === id);
    if (action.isAvailable()) action.run(event);
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
    this.onChange(name, detail);
  }
}
