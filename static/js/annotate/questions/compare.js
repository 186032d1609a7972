// Left, right, tie, both bad: one key. Where a strength is asked, the arrow says the side and a number how much; the
// same arrow again means the least, with Shift the most.

import { make, makeButton } from "../dom.js";
import { hint } from "../hints.js";
import { say } from "../words.js";

const SIDES = ["left", "right"];
const STRENGTHS = { 0: [], 2: ["slightly", "clearly"], 3: ["slightly", "clearly", "much"] };

export class Compare {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "compare", outcome: null, strength: null });
    this.levels = STRENGTHS[question.strength ?? 0];
    this.outcomes = ["left", question.tie && "tie", question.both_bad && "both-bad", "right"].filter(Boolean);
    this.actions = [...this.outcomes.map((outcome) => this.outcomeAction(outcome)), ...this.strengthActions(), ...this.reasonActions()];
    this.root = make("div", { class: "compare" }, this.buttons(), this.strengthRow(), this.reasonRow());
  }

  // -- keys ---------------------------------------------------------------------------------------------
  outcomeAction(outcome) {
    const keys = { left: "ArrowLeft", right: "ArrowRight", tie: "ArrowDown", "both-bad": "ArrowUp" };
    return { id: `compare.${outcome}`, label: labelOf(outcome), keys: [keys[outcome]], run: () => this.choose(outcome) };
  }

  strengthActions() {
    if (!this.levels.length) return [];
    const most = SIDES.map((side) => ({
      id: `compare.${side}_most`, label: say(`compare_${side}_most`), keys: [side === "left" ? "Shift+ArrowLeft" : "Shift+ArrowRight"],
      run: () => this.choose(side, this.levels.length),
    }));
    const each = this.levels.map((name, index) => ({
      id: `compare.strength_${index + 1}`, label: say("strength_level", { level: say(`strength_${name}`) }), keys: [String(index + 1)],
      isAvailable: () => SIDES.includes(this.outcome), run: () => this.choose(this.outcome, index + 1),
    }));
    return [...most, ...each];
  }

  reasonActions() {
    if ((this.question.reason ?? "none") === "none") return [];
    return [{ id: "compare.reason", label: say("reason_write"), keys: ["r"], run: () => this.reason.focus() }];
  }

  // -- what is seen -----------------------------------------------------------------------------------------
  buttons() {
    this.outcomeButtons = this.outcomes.map((outcome) => makeButton(
      { class: `verdict verdict-${outcome}`, "aria-pressed": "false", data: { value: outcome }, onclick: () => this.choose(outcome) },
      ...inOrder(outcome, hint(`compare.${outcome}`), ...wordsOf(outcome)),
    ));
    return make("div", { class: "verdicts", role: "group", "aria-label": this.question.text }, ...this.outcomeButtons);
  }

  strengthRow() {
    this.strengthButtons = this.levels.map((name, index) => makeButton(
      { class: "level", "aria-pressed": "false", onclick: () => this.choose(this.outcome, index + 1) },
      hint(`compare.strength_${index + 1}`), make("span", {}, say(`strength_${name}`)),
    ));
    if (!this.levels.length) return null;
    this.strengthWords = make("span", { class: "judge-soft" }, say("strength_question"));
    return make("div", { class: "levels", role: "group", "aria-label": say("strength_question") }, this.strengthWords, ...this.strengthButtons);
  }

  reasonRow() {
    if ((this.question.reason ?? "none") === "none") return null;
    const isRequired = this.question.reason === "required";
    this.reason = make("input", { class: "judge-field", type: "text", maxlength: "2000", required: isRequired, "aria-label": say("reason_label"), placeholder: say(isRequired ? "reason_required" : "reason_optional") });
    this.reason.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) this.settle(); });
    return make("div", { class: "reason" }, this.reason, hint("compare.reason"));
  }

  paint() {
    const isSide = SIDES.includes(this.outcome);
    for (const button of this.outcomeButtons) press(button, button.dataset.value === this.outcome);
    this.strengthButtons.forEach((button, index) => {
      press(button, isSide && this.strength === index + 1);
      button.disabled = !isSide;
    });
  }

  // -- answering ----------------------------------------------------------------------------------------------
  choose(outcome, strength = null) {
    if (!this.hooks.mayAnswer()) return;
    const isAgain = this.outcome === outcome && this.strength === null;
    this.outcome = outcome;
    this.strength = SIDES.includes(outcome) ? (strength ?? (isAgain && this.levels.length ? 1 : null)) : null;
    this.paint();
    this.hooks.onChange();
    this.settle();
  }

  settle() {
    if (this.isStrengthMissing) this.hooks.tell(say("strength_asked", { answer: labelOf(this.outcome) }));
    else if (this.outcome && this.isReasonMissing) this.reason.focus();
    else if (this.outcome) this.hooks.onDone();
  }

  get isStrengthMissing() { return SIDES.includes(this.outcome) && this.levels.length > 0 && this.strength === null; }
  get isReasonMissing() { return this.question.reason === "required" && !this.reason.value.trim(); }

  show() { this.set(null); }

  set(answer) {
    this.outcome = answer?.outcome ?? null;
    this.strength = answer?.strength ?? null;
    if (this.reason) this.reason.value = answer?.reason ?? "";
    this.paint();
  }

  value() {
    if (!this.outcome || this.isStrengthMissing || this.isReasonMissing) return null;
    const answer = { outcome: this.outcome };
    if (this.strength !== null) answer.strength = this.strength;
    if (this.reason?.value.trim()) answer.reason = this.reason.value.trim();
    return answer;
  }

  snapshot() { return { outcome: this.outcome, strength: this.strength, reason: this.reason?.value }; }

  missing() {
    if (this.isStrengthMissing) return say("strength_question");
    return this.outcome ? say("reason_required") : say("missing_verdict");
  }

  said(answer) {
    const strength = answer.strength ? `, ${say(`strength_${this.levels[answer.strength - 1]}`)}` : "";
    return labelOf(answer.outcome) + strength;
  }
}

// A pair that stands one above the other has no left: the page shows the words that fit.
function wordsOf(outcome) {
  if (!SIDES.includes(outcome)) return [make("span", {}, labelOf(outcome))];
  const stacked = say(outcome === "left" ? "compare_upper" : "compare_lower");
  return [make("span", { class: "if-beside" }, labelOf(outcome)), make("span", { class: "if-stacked" }, stacked)];
}

function labelOf(outcome) { return say(`compare_${outcome.replace("-", "_")}`); }

function press(button, isOn) { button.setAttribute("aria-pressed", String(isOn)); }

// The arrow stands on the side it points to.
function inOrder(outcome, key, ...words) { return outcome === "right" ? [...words, key] : [key, ...words]; }
