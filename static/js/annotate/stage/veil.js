// What was flagged unsafe stays covered until somebody asks to see it, and can be covered again.

import { make, makeButton } from "../dom.js";

export class Veil {
  constructor(pane, words) {
    Object.assign(this, { pane, words });
    this.button = makeButton({ class: "canvas-veil-button", onclick: () => this.set(!this.isCovering) });
    this.note = make("p", { class: "canvas-veil-note" }, words.say("veiled"));
    pane.element.append(make("div", { class: "canvas-veil" }, this.note, this.button));
    this.set(true);
  }

  set(isCovering) {
    this.isCovering = isCovering;
    this.pane.element.classList.toggle("is-covered", isCovering);
    this.note.hidden = !isCovering;
    this.button.textContent = this.words.say(isCovering ? "unveil" : "veil");
    // What cannot be seen is not read out either.
    for (const part of [this.pane.view, this.pane.text?.element]) if (part) part.inert = isCovering;
  }
}
