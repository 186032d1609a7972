// A value of the criterion's scale for each sample. One key rates the sample whose turn it is; the next is next.

import { make, makeButton } from "../dom.js";
import { hint, placeName } from "../hints.js";
import { say } from "../words.js";

const MOST_BUTTONS = 11;
const ROW = "1234567890".split("");

export class Rate {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "rate", count: 0, current: 0, values: [] });
    this.levels = levelsOf(question);
    const keys = keysFor(this.levels);
    this.actions = [
      ...(this.levels ?? []).map((level, index) => ({
        id: `rate.${index + 1}`, label: say("rate_level", { level: wordsOf(level) }), keys: [keys[index]], run: () => this.rate(level.value),
      })),
      { id: "rate.previous", label: say("sample_previous"), keys: ["ArrowLeft"], isAvailable: () => this.count > 1, run: () => this.turnBy(-1) },
      { id: "rate.next", label: say("sample_next"), keys: ["ArrowRight"], isAvailable: () => this.count > 1, run: () => this.turnBy(1) },
    ];
    this.places = make("div", { class: "places", role: "group", "aria-label": say("samples") });
    this.root = make("div", { class: "rate" }, this.places, this.levels ? this.scale() : this.range());
  }

  scale() {
    this.buttons = this.levels.map((level, index) => makeButton(
      { class: "level", "aria-pressed": "false", onclick: () => this.rate(level.value) }, hint(`rate.${index + 1}`), make("span", {}, level.label || String(level.value)),
    ));
    return make("div", { class: "levels", role: "group", "aria-label": this.question.text }, ...this.buttons);
  }

  // Too many steps for buttons: a number is typed, and Enter takes it.
  range() {
    const { low, high, step } = this.question;
    this.field = make("input", { class: "judge-field judge-number", type: "number", min: low, max: high, step: step ?? "any", "aria-label": this.question.text });
    this.field.addEventListener("keydown", (event) => { if (event.key === "Enter") this.rateTyped(); });
    this.buttons = [];
    return make("div", { class: "levels" }, make("span", { class: "judge-soft" }, say("rate_range", { low, high })), this.field,
      makeButton({ class: "level", onclick: () => this.rateTyped() }, say("rate_take")));
  }

  rateTyped() {
    if (this.field.value === "" || !this.field.checkValidity()) {
      this.field.reportValidity();
      return;
    }
    this.rate(Number(this.field.value));
  }

  show(view) {
    if (view.samples.length !== this.count) this.build(view.samples.length);
    this.values = Array(this.count).fill(null);
    this.turn(0);
  }

  build(count) {
    this.count = count;
    this.places.hidden = count < 2;
    this.places.replaceChildren(...Array.from({ length: count }, (_, place) => makeButton(
      { class: "place", onclick: () => this.turn(place) }, make("span", {}, placeName(place, count)), make("b", { class: "place-value" }),
    )));
  }

  enter() {
    this.turn(this.current);
    this.field?.focus();
  }

  leave() { this.hooks.pointAt(null); }

  turnBy(step) { this.turn((this.current + step + this.count) % this.count); }

  turn(place) {
    this.current = place;
    this.paint();
  }

  paint() {
    [...this.places.children].forEach((button, place) => {
      button.setAttribute("aria-current", String(place === this.current));
      button.querySelector(".place-value").textContent = this.nameOf(this.values[place]);
    });
    this.buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(this.levels[index].value === this.values[this.current])));
    if (this.field) this.field.value = this.values[this.current] ?? "";
    this.hooks.pointAt(this.count > 1 ? this.current : null);
  }

  rate(value) {
    if (!this.hooks.mayAnswer()) return;
    const isCorrection = this.value() !== null;
    this.values[this.current] = value;
    this.hooks.onChange();
    if (isCorrection && this.count > 1) {
      this.turn(Math.min(this.current + 1, this.count - 1));
      return;
    }
    const next = this.values.findIndex((one, place) => one === null && place > this.current);
    const left = next >= 0 ? next : this.values.indexOf(null);
    if (left < 0) {
      this.paint();
      this.hooks.onDone();
      return;
    }
    this.turn(left);
    this.hooks.tell(say("rate_next", { name: placeName(left, this.count) }));
  }

  pick(place) { this.turn(place); }

  set(answer) {
    this.values = answer ? [...answer.values] : Array(this.count).fill(null);
    this.paint();
  }

  value() { return this.values.includes(null) ? null : { values: [...this.values] }; }

  snapshot() { return { values: [...this.values] }; }

  missing() { return say("missing_rate", { name: placeName(this.values.indexOf(null), this.count) }); }

  said(answer, count) { return answer.values.map((value, place) => `${placeName(place, count)}: ${this.nameOf(value)}`).join(", "); }

  nameOf(value) {
    if (value === null) return "";
    return this.levels?.find((level) => level.value === value)?.label || String(value);
  }
}

function levelsOf({ levels, low, high, step }) {
  if (levels?.length) return levels;
  if (!step || (high - low) / step + 1 > MOST_BUTTONS) return null;
  // Rounded to the decimals of the step: 0.1 + 0.2 is no rating.
  const count = Math.round((high - low) / step) + 1;
  return Array.from({ length: count }, (_, index) => ({ value: Number((low + index * step).toFixed(9)), label: "" }));
}

// A digit that is the value is its key; a scale of other values is counted along the row of digits.
export function keysFor(levels) {
  if (!levels) return [];
  const values = levels.map((level) => level.value);
  const own = values.every((value) => Number.isInteger(value) && value >= 0 && value <= 10);
  if (own) return values.map((value) => (value === 10 ? "t" : String(value)));
  return values.map((_, index) => ROW[index] ?? "qwertyuiop"[index - ROW.length] ?? "Shift+q");
}

function wordsOf(level) { return level.label ? `${level.value}, ${level.label}` : String(level.value); }
