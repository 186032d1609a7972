// The best of several, by its number; or none of them.

import { make, makeButton } from "../dom.js";
import { hint, placeName } from "../hints.js";
import { say } from "../words.js";

const MOST = 16; // samples that have a key of their own
const DIGITS = "123456789".split("");
const NONE = "none";

export class Pick {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "pick", count: 0, best: undefined });
    this.actions = Array.from({ length: MOST }, (_, place) => ({
      id: `pick.${place + 1}`, label: say("pick_place", { number: place + 1 }), keys: DIGITS[place] ? [DIGITS[place]] : [],
      isAvailable: () => place < this.count, run: () => this.choose(place),
    }));
    if (question.none) this.actions.push({ id: "pick.none", label: say("pick_none"), keys: ["0"], run: () => this.choose(null) });
    this.root = make("div", { class: "verdicts verdicts-many", role: "group", "aria-label": question.text });
  }

  show(view) {
    this.best = undefined;
    if (view.samples.length !== this.count) this.build(view.samples.length);
    this.paint();
  }

  build(count) {
    this.count = count;
    const places = Array.from({ length: count }, (_, place) => this.button(place, placeName(place, count), `pick.${place + 1}`));
    const none = this.question.none ? [this.button(null, say("pick_none"), "pick.none")] : [];
    this.root.replaceChildren(...places, ...none);
    this.hooks.onBuilt(this.root);
  }

  button(place, words, id) {
    return makeButton({ class: "verdict", "aria-pressed": "false", data: { value: place ?? NONE }, onclick: () => this.choose(place) }, hint(id), make("span", {}, words));
  }

  paint() {
    const chosen = this.best === undefined ? "" : String(this.best ?? NONE);
    for (const button of this.root.children) button.setAttribute("aria-pressed", String(button.dataset.value === chosen));
  }

  choose(place) {
    if (!this.hooks.mayAnswer()) return;
    this.best = place;
    this.paint();
    this.hooks.onChange();
    this.hooks.onDone();
  }

  // A picture was tapped.
  pick(place) { this.choose(place); }

  set(answer) {
    this.best = answer ? answer.best : undefined;
    this.paint();
  }

  value() { return this.best === undefined ? null : { best: this.best }; }

  snapshot() { return this.value(); }

  missing() { return say("missing_pick"); }

  said(answer, count) {
    return answer.best === null ? say("pick_none") : say("pick_said", { name: placeName(answer.best, count) });
  }
}
