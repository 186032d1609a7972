// Two media in one place: wiped, alternating, or subtracted; and back to all of them beside each other.

import { make } from "../dom.js";

export const MODES = ["pair", "wipe", "flicker", "difference"];
export const GAINS = [1, 2, 4, 8, 16];
const FLICKER_MS = 500; // two changes a second, below the three that can bring on a seizure (WCAG 2.3.1)
const KEY_STEP = 0.05; // of the picture's width, for the divider

export class Modes {
  constructor(stage) {
    Object.assign(this, { stage, name: "pair", at: 0.5, gain: 4, above: 0, timer: null });
    this.divider = make("div", {
      class: "canvas-divider", role: "slider", tabindex: "0", hidden: true, "aria-label": stage.words.say("divider"),
      "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100,
    });
    this.divider.addEventListener("keydown", (event) => this.onKey(event));
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
  }

  // The two panes that share a place: the last two that were looked at, or the source and its edit.
  get couple() { return this.stage.scene?.couple ?? []; }
  get isPossible() { return this.couple.length === 2; }
  get isStacked() { return this.name !== "pair"; }

  set(name) {
    clearInterval(this.timer);
    this.name = this.isPossible ? name : "pair";
    this.above = 0;
    if (this.name === "wipe") this.at = 0.5;
    if (this.name === "flicker" && !this.calm.matches) this.timer = setInterval(() => this.swap(), FLICKER_MS);
    this.stage.layOut();
  }

  // Asked for again, a mode gives way to the pair; a flicker that may not move by itself goes one step instead.
  toggle(name) {
    if (name === "flicker" && this.name === "flicker" && this.calm.matches) this.showOther();
    else this.stage.setMode(this.name === name ? "pair" : name);
  }

  // -- flicker ----------------------------------------------------------------------------------
  swap() {
    this.above = 1 - this.above;
    this.paint();
  }

  // By hand: it stops alternating by itself, and says which one is seen.
  showOther() {
    clearInterval(this.timer);
    if (this.name !== "flicker") this.set("flicker");
    clearInterval(this.timer);
    this.swap();
    this.stage.announce(this.couple[this.above].name);
  }

  // -- wipe -------------------------------------------------------------------------------------
  wipeTo(share) {
    this.at = Math.min(Math.max(share, 0), 1);
    this.paint();
  }

  onKey(event) {
    const steps = { ArrowLeft: -KEY_STEP, ArrowDown: -KEY_STEP, ArrowRight: KEY_STEP, ArrowUp: KEY_STEP, Home: -1, End: 1 };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // an arrow on the divider is not a verdict
    this.wipeTo(this.at + steps[event.key]);
  }

  wipeBy(direction) { this.wipeTo(this.at + direction * KEY_STEP); }

  // -- difference -------------------------------------------------------------------------------
  setGain(gain) {
    this.gain = gain;
    this.paint();
  }

  changeGain(by) {
    const next = GAINS[Math.min(Math.max(GAINS.indexOf(this.gain) + by, 0), GAINS.length - 1)];
    this.setGain(next);
    this.stage.announce(this.stage.words.say("gain_times", { gain: next }));
  }

  // ---------------------------------------------------------------------------------------------
  paint() {
    const { scene } = this.stage;
    if (!scene) return;
    const { element, board } = scene;
    element.classList.toggle("is-plain", !this.isStacked && scene.isRowOfTwo);
    for (const name of MODES) element.classList.toggle(`is-${name}`, name === this.name);
    board.style.filter = this.name === "difference" ? `brightness(${this.gain})` : "";
    this.paintCouple(scene);
    this.paintDivider();
  }

  paintCouple(scene) {
    const [under, over] = this.isStacked ? this.couple : [];
    for (const pane of scene.panes) {
      pane.element.classList.toggle("is-over", pane === over);
      pane.element.classList.toggle("is-aside", this.isStacked && pane !== over && pane !== under);
      pane.element.style.clipPath = "";
      pane.element.classList.toggle("is-hidden", this.name === "flicker" && pane === (this.above ? under : over));
    }
    if (this.name === "wipe") over.element.style.clipPath = `inset(0 0 0 ${this.at * 100}%)`;
  }

  paintDivider() {
    this.divider.hidden = this.name !== "wipe";
    if (this.divider.hidden) return;
    const box = this.couple[0].rect;
    Object.assign(this.divider.style, {
      left: `${box.left + this.at * box.width}px`, top: `${box.top}px`, height: `${box.height}px`,
    });
    this.divider.setAttribute("aria-valuenow", Math.round(this.at * 100));
  }
}
