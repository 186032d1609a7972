// The stage's own buttons, for whoever prefers them to keys: the page puts `element` where it has room.

import { make, makeButton } from "../dom.js";
import { GAINS, MODES } from "./modes.js";

const TOGGLES = { beside: "isBeside", peek: "isPeeking", mask: "isMasked", formatted: "isFormatted", scroll_lock: "isScrollLocked" };

export class Toolbar {
  constructor(stage) {
    this.stage = stage;
    const { words } = stage;
    this.modes = MODES.map((name) => this.button(name, () => stage.run(name)));
    this.toggles = Object.keys(TOGGLES).map((id) => this.button(id, () => stage.run(id)));
    this.zooms = ["fit", "actual"].map((id) => this.button(id, () => stage.run(id)));
    this.gain = this.gainChoice(words);
    this.percent = make("output", { class: "canvas-percent", "aria-label": words.say("zoom") });
    this.modeGroup = group(words.say("modes"), this.modes);
    this.toggleGroup = group(words.say("showing"), this.toggles);
    this.zoomGroup = group(words.say("zoom"), [...this.zooms, this.percent]);
    this.element = make("div", { class: "canvas-toolbar", role: "toolbar", "aria-label": words.say("toolbar") },
      this.toggleGroup, this.gain, this.modeGroup, this.zoomGroup);
  }

  button(id, onclick) {
    return makeButton({ class: "canvas-tool", data: { action: id }, onclick }, this.stage.words.say(`short_${id}`));
  }

  gainChoice(words) {
    const options = GAINS.map((gain) => make("option", { value: gain }, words.say("gain_times", { gain })));
    const choice = make("select", { class: "canvas-select", "aria-label": words.say("gain"), hidden: true }, options);
    choice.addEventListener("change", () => this.stage.modes.setGain(Number(choice.value)));
    return choice;
  }

  update() {
    const { stage } = this;
    const available = (id) => stage.actions.find((action) => action.id === id).isAvailable();
    for (const made of this.modes) press(made, made.dataset.action === stage.mode);
    for (const made of this.toggles) {
      made.hidden = !available(made.dataset.action);
      press(made, stage[TOGGLES[made.dataset.action]]);
    }
    this.modeGroup.hidden = !available("wipe");
    this.toggleGroup.hidden = this.toggles.every((made) => made.hidden);
    this.zoomGroup.hidden = !available("fit");
    this.gain.hidden = stage.mode !== "difference";
    this.gain.value = String(stage.modes.gain);
  }

  showZoom() {
    const percent = Math.round(this.stage.percent);
    this.percent.textContent = this.stage.words.say("percent", { percent });
    press(this.zooms[0], this.stage.isFit);
    press(this.zooms[1], Math.abs(this.stage.percent - 100) < 0.01);
  }
}

function group(label, children) {
  return make("div", { class: "canvas-tools", role: "group", "aria-label": label }, children);
}

function press(button, isPressed) { button.setAttribute("aria-pressed", String(Boolean(isPressed))); }
