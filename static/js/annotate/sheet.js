// The questions about one item: which is asked now, what was said, and when that is enough.
//
// Modes: "fresh" asks each question once; "draft" shows a machine's proposal, to accept or correct; "revise" shows an
// earlier answer, of which anything may be changed.

import { make, makeButton } from "./dom.js";
import { say } from "./words.js";

const NOBODY_SEES_AN_ITEM_FASTER = 150; // milliseconds: a key that bounces is no verdict on the next item

export class Sheet {
  // `build(question, hooks)` makes the widget of a question; `onSubmit()` is told that everything was said.
  constructor({ questions, chips, answers, text, stageWords, build, onSubmit, onTurn, tell, warn, pointAt, onBuilt }) {
    Object.assign(this, { chips, answers, text, stageWords, onSubmit, onTurn, tell, warn, flags: [], mode: "fresh", current: 0 });
    this.questions = [...questions].sort((one, other) => one.stage - other.stage);
    const hooks = { tell, onBuilt, mayAnswer: () => this.mayAnswer(), onChange: () => this.paint() };
    this.widgets = this.questions.map((question, index) => build(question, {
      ...hooks, onDone: () => this.done(index), pointAt: (place) => { if (index === this.current) pointAt(place); },
    }));
    this.answers.replaceChildren(...this.widgets.map((widget) => widget.root));
  }

  get widget() { return this.widgets[this.current]; }
  get question() { return this.questions[this.current]; }
  get isMany() { return this.questions.length > 1; }
  get stages() { return new Set(this.questions.map((question) => question.stage)).size; }

  // -- a new item -------------------------------------------------------------------------------------------
  show(view, mode, answer) {
    Object.assign(this, { view, mode, flags: [...(answer?.flags ?? [])], shownAt: performance.now() });
    this.settled = new Set();
    this.touched = false;
    this.widgets.forEach((widget, index) => {
      widget.show(view);
      const said = answer?.questions?.[this.questions[index].key];
      if (said) widget.set(said);
    });
    this.turnTo(0);
  }

  mayAnswer() { return performance.now() - this.shownAt > NOBODY_SEES_AN_ITEM_FASTER; }

  // -- one question after the other ---------------------------------------------------------------------------
  turnTo(index) {
    if (index !== this.current) this.widget.leave?.();
    this.current = index;
    this.widgets.forEach((widget, place) => { widget.root.hidden = place !== index; });
    this.text.textContent = this.question.text;
    this.paint();
    this.onTurn(this.widget);
    this.widget.enter?.();
  }

  turnBy(step) {
    if (!this.isMany) return;
    this.turnTo((this.current + step + this.questions.length) % this.questions.length);
    this.tell(this.question.text);
  }

  done(index) {
    this.settled.add(index);
    this.touched = true;
    this.moveOn();
  }

  // Enter: what stands there is meant.
  confirm() {
    if (!this.mayAnswer()) return;
    if (this.isLacking(this.current)) {
      this.warn(this.widget.missing());
      return;
    }
    this.settled.add(this.current);
    if (this.mode === "fresh") this.moveOn();
    else this.finish();
  }

  moveOn() {
    const next = this.nextIndex();
    if (next === null) {
      this.finish();
      return;
    }
    this.turnTo(next);
    this.tell(this.question.text);
  }

  // The next question that was not dealt with; an optional one that was passed by is left alone.
  nextIndex() {
    if (this.mode === "revise") return this.isMany ? this.firstOpen() ?? this.current : null;
    const later = this.questions.findIndex((_, index) => index > this.current && !this.settled.has(index));
    return later >= 0 ? later : this.firstOpen();
  }

  // What must be said is not said, or something was begun that would get lost.
  isLacking(index) {
    const widget = this.widgets[index];
    return widget.value() === null && (widget.isUnfinished || (this.questions[index].required && !this.flags.length));
  }

  firstOpen() {
    const open = this.questions.findIndex((_, index) => this.isLacking(index));
    return open >= 0 ? open : null;
  }

  finish() {
    const open = this.firstOpen();
    if (open !== null) {
      this.turnTo(open);
      this.warn(this.widget.missing());
      return;
    }
    this.onSubmit();
  }

  // -- what was said --------------------------------------------------------------------------------------------
  get hasBegun() { return this.touched || this.flags.length > 0 || (this.mode === "fresh" && this.widgets.some((widget) => widget.value() !== null)); }

  answer() {
    const questions = {};
    this.questions.forEach((question, index) => {
      const value = this.widgets[index].value();
      if (value !== null) questions[question.key] = value;
    });
    return { questions, flags: this.flags };
  }

  // What stands there, finished or not, to be put back by `restore`.
  snapshot() { return { widgets: this.widgets.map((widget) => widget.snapshot()), flags: this.flags, current: this.current }; }

  restore({ widgets, flags, current }) {
    this.widgets.forEach((widget, index) => widget.set(widgets[index]));
    this.flags = flags;
    this.turnTo(current);
  }

  said(answer, view) {
    const parts = this.questions.flatMap((question, index) => {
      const value = answer.questions[question.key];
      if (!value) return [];
      const words = this.widgets[index].said(value, view.samples.length);
      return [this.isMany ? `${nameOf(question)}: ${words}` : words];
    });
    if (answer.flags.length) parts.push(say("flagged_said", { count: answer.flags.length }));
    return parts.join("; ");
  }

  toggleFlag(place, kind) {
    const others = this.flags.filter((flag) => flag.place !== place || flag.kind !== kind);
    this.flags = others.length < this.flags.length ? others : [...others, { place, kind, text: "" }];
    this.paint();
  }

  // -- chips ------------------------------------------------------------------------------------------------------
  paint() {
    this.chips.hidden = !this.isMany;
    if (!this.isMany || !this.view) return;
    const { stage } = this.question;
    const seen = this.questions.map((question, index) => ({ question, index })).filter((one) => one.question.stage === stage);
    this.stageWords.textContent = this.stages > 1 ? say("stage_of", { stage, stages: this.stages }) : "";
    this.stageWords.hidden = this.stages < 2;
    this.chips.replaceChildren(this.stageWords, ...seen.map(({ question, index }) => this.chip(question, index)));
  }

  chip(question, index) {
    const isAnswered = this.widgets[index].value() !== null;
    const state = say(chipState(isAnswered, this.mode, this.settled.has(index), question.required));
    return makeButton(
      { class: `chip${isAnswered ? " is-answered" : ""}`, "aria-current": index === this.current ? "step" : null, onclick: () => this.turnTo(index) },
      make("span", { class: "chip-tick", "aria-hidden": "true" }, isAnswered ? (this.mode === "draft" && !this.settled.has(index) ? "≈" : "✓") : ""),
      make("span", {}, nameOf(question)), make("span", { class: "visually-hidden" }, `, ${state}`),
    );
  }
}

export function nameOf(question) { return question.name || question.text; }

function chipState(isAnswered, mode, isSettled, isRequired) {
  if (!isAnswered) return isRequired ? "chip_open" : "chip_optional";
  return mode === "draft" && !isSettled ? "chip_proposed" : "chip_answered";
}
