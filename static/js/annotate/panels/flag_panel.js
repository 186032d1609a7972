// Unsafe or broken, per sample. Numbers choose the line: 1 and 2 are the first sample's, 3 and 4 the second's.

import { byClass, make, makeButton } from "../dom.js";
import { placeName } from "../hints.js";
import { say } from "../words.js";

const KINDS = ["unsafe", "broken"];

export class FlagPanel {
  constructor({ dialog, sheet, onChange }) {
    Object.assign(this, { dialog, sheet, onChange });
    this.list = byClass("js-flags", dialog);
    dialog.addEventListener("keydown", (event) => {
      const button = this.list.querySelectorAll("button")[Number(event.key) - 1];
      if (!button || !dialog.open) return;
      event.preventDefault();
      button.click();
    });
  }

  fill() {
    const count = this.sheet.view?.samples.length ?? 0;
    this.list.replaceChildren(...Array.from({ length: count }, (_, place) => this.line(place, count)));
  }

  line(place, count) {
    const name = placeName(place, count);
    const buttons = KINDS.map((kind, index) => {
      const isOn = this.sheet.flags.some((flag) => flag.place === place && flag.kind === kind);
      const number = place * KINDS.length + index + 1;
      const button = makeButton({ class: "judge-option", "aria-pressed": String(isOn), onclick: () => this.toggle(place, kind, button) },
        number < 10 ? make("kbd", { "aria-hidden": "true" }, String(number)) : null, make("span", { class: "visually-hidden" }, `${name}: `), say(`flag_${kind}`));
      return button;
    });
    return make("div", { class: "judge-flag-line" }, make("span", { class: "strong" }, name), ...buttons);
  }

  toggle(place, kind, button) {
    this.sheet.toggleFlag(place, kind);
    const isOn = this.sheet.flags.some((flag) => flag.place === place && flag.kind === kind);
    button.setAttribute("aria-pressed", String(isOn));
    this.onChange();
  }
}
