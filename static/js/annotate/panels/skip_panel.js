// Giving an item back, with a reason.

import { byClass, make, makeButton } from "../dom.js";
import { say } from "../words.js";

const REASONS = ["cannot-judge", "broken", "unsafe", "other"];

export class SkipPanel {
  constructor({ dialog, onSkip }) {
    Object.assign(this, { dialog, onSkip });
    this.text = byClass("js-skip-text", dialog);
    byClass("js-skip-reasons", dialog).replaceChildren(...REASONS.map((reason, index) => this.option(reason, index)));
    dialog.addEventListener("keydown", (event) => {
      const reason = REASONS[Number(event.key) - 1];
      if (reason && dialog.open && event.target !== this.text) this.skip(reason, event);
    });
  }

  fill() { this.text.value = ""; }

  option(reason, index) {
    return makeButton({ class: "judge-option", onclick: (event) => this.skip(reason, event) }, make("kbd", { "aria-hidden": "true" }, String(index + 1)), say(`skip_${reason}`));
  }

  skip(reason, event) {
    event.preventDefault();
    this.dialog.close();
    this.onSkip(reason, this.text.value.trim());
  }
}
