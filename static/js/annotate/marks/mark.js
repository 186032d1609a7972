// Marks: points, boxes and polygons on pictures, words in texts, intervals of videos, each with an error type and a text.
//
// Mouse and finger draw (pencil.js) and click words (reader.js); keys move a cross over pictures (cross.js) or from word
// to word (reader.js), and Enter marks there. What is drawn is kept in the coordinates of docs/annotate.md: pixels of
// the rendition, code points, microseconds.

import { make, makeButton } from "../dom.js";
import { hint } from "../hints.js";
import { say } from "../words.js";
import { Book } from "./book.js";
import { Clip } from "./clip.js";
import { Cross } from "./cross.js";
import { actionsOf, takeKeys } from "./deeds.js";
import { List } from "./list.js";
import { Painter } from "./painter.js";
import { Pencil } from "./pencil.js";
import { Places } from "./places.js";
import { Reader } from "./reader.js";
import { Sentences, pixels } from "./sentences.js";
import { PICTURE_SHAPES, cornersOf, distance, isDrawn, shifted, withCorner } from "./shapes.js";
import { stretched } from "./words.js";

const NUDGE = 8; // CSS pixels an arrow moves a mark; with Shift one pixel of the picture

export class Mark {
  // `hooks`: those of every question, and `stage`, `promptText()` (the text of the shown prompt, or null).
  constructor(question, hooks) {
    const { stage } = hooks;
    Object.assign(this, { question, hooks, stage, scope: "mark", place: 0, tool: null, error: "", draft: null, corner: null, isEntered: false });
    this.places = new Places(question, stage, hooks.promptText);
    this.book = new Book(() => this.changed());
    this.painter = new Painter(this);
    this.sentences = new Sentences(this.places);
    this.cross = new Cross(this);
    this.clip = new Clip(this);
    this.reader = new Reader({ places: this.places, hand: this });
    this.pencil = new Pencil({ stage, places: this.places, book: this.book, hand: this });
    this.list = new List({ book: this.book, sentences: this.sentences, hand: this });
    this.actions = actionsOf(this);
    this.build();
    this.listen();
  }

  listen() {
    takeKeys(this);
    for (const name of ["viewchange", "mediachange", "modechange"]) this.stage.addEventListener(name, () => this.followStage());
    this.resized = new ResizeObserver(() => this.paint());
  }

  // -- what is seen in the column of answers --------------------------------------------------------
  build() {
    this.toolButtons = this.question.shapes.map((shape) => makeButton({ class: "level", "aria-pressed": "false", data: { tool: shape }, onclick: () => this.take(shape) }, hint(`mark.${shape}`), make("span", {}, say(`mark_${shape}`))));
    this.errorButtons = this.question.errors.map((error, index) => makeButton({ class: "level", "aria-pressed": "false", onclick: () => this.mean(error) }, hint(`mark.error_${index + 1}`), make("span", {}, error)));
    this.placesOf = make("div", { class: "places", role: "group", "aria-label": say("mark_about") });
    this.help = make("p", { class: "judge-soft mark-help" });
    this.steps = ["undo", "redo"].map((id) => makeButton({ class: "level mark-act", onclick: () => this.go(id) }, say(`mark_${id}`), hint(`mark.${id}`)));
    this.root = make("div", { class: "marks" },
      group("mark_tools", this.toolButtons), this.placesOf,
      this.question.errors.length ? make("p", { class: "mark-heading", "aria-hidden": "true" }, say("mark_errors")) : null, this.question.errors.length ? group("mark_errors", this.errorButtons) : null,
      this.help, make("div", { class: "mark-acts" }, ...this.steps), this.list.root);
  }

  paintTools() {
    for (const button of this.toolButtons) {
      const { tool } = button.dataset;
      button.hidden = !this.places.can(tool);
      press(button, tool === this.tool);
    }
    this.errorButtons.forEach((button, index) => press(button, this.question.errors[index] === (this.book.mark?.error ?? this.error)));
    [...this.placesOf.children].forEach((button, place) => button.setAttribute("aria-current", String(place === this.place)));
    this.steps[0].disabled = !this.book.canUndo;
    this.steps[1].disabled = !this.book.canRedo;
    this.help.textContent = this.helpText();
  }

  helpText() {
    if (this.draft?.shape === "polygon") return say("mark_help_corners");
    if (this.clip.isOpen) return say("mark_help_end");
    return this.tool ? say(`mark_help_${this.tool}`) : say("mark_nothing_here");
  }

  buildPlaces() {
    const { count } = this.places;
    this.placesOf.hidden = count < 2;
    this.placesOf.replaceChildren(...Array.from({ length: count }, (_, place) => makeButton({ class: "place", onclick: () => this.turnTo(place) }, this.places.nameOf(place))));
  }

  // -- an item --------------------------------------------------------------------------------------
  show() {
    this.painter.clear();
    this.places.show();
    Object.assign(this, { place: 0, error: this.question.errors.length === 1 ? this.question.errors[0] : "" });
    this.tool = this.question.shapes.find((shape) => this.places.can(shape)) ?? null;
    this.buildPlaces();
    this.resized.disconnect();
    for (const { view } of this.places.texts) this.resized.observe(view.element);
    this.set(null);
  }

  // Exactly what was said before: an answer, a draft, or a snapshot of this page.
  set(answer) {
    this.rest();
    this.book.load((answer?.marks ?? []).map((mark) => ({ ...mark })));
    this.changed();
  }

  rest() {
    this.cross.hide();
    this.reader.hide();
    this.clip.drop();
    Object.assign(this, { draft: null, corner: null });
  }

  // What was begun is not wanted; the cross stays where it is.
  stop() {
    this.clip.drop();
    this.draft = null;
  }

  enter() {
    this.isEntered = true;
    if (this.stage.beside === null && this.places.asks("input") && this.stage.scene?.inputs && !this.stage.isBeside) this.stage.setBeside(true);
    this.turnTo(this.place);
    this.followStage();
  }

  leave() {
    this.isEntered = false;
    this.rest();
    this.book.settle();
    this.hooks.pointAt(null);
    this.setDrawing(false);
    this.paint();
  }

  // A drag draws only beside each other: in one place, nobody could say on which of two.
  followStage() {
    if (this.isEntered) this.setDrawing(this.stage.mode === "pair" && PICTURE_SHAPES.some((shape) => this.places.can(shape)));
    this.paint();
  }

  setDrawing(isDrawing) {
    this.stage.tool = isDrawing ? "draw" : "hand";
    this.stage.root.classList.toggle("is-drawing", isDrawing);
  }

  get isDrawing() { return this.isEntered && this.stage.tool === "draw"; }
  get isReading() { return this.isEntered && this.places.isShown; }

  changed() {
    if (this.corner !== null && this.book.mark?.shape !== "box" && this.book.mark?.shape !== "polygon") this.corner = null;
    this.list.paint(this.painter);
    this.hooks.onBuilt(this.root);
    this.hooks.onChange();
    this.paint();
  }

  paint() {
    this.painter.isResting = !this.isEntered;
    this.painter.paint({ draft: this.draft, cross: this.cross.state, caret: this.reader.state });
    this.paintTools();
  }

  // -- choosing -------------------------------------------------------------------------------------
  take(shape) {
    if (!this.places.can(shape)) return;
    if (shape === "interval" && this.tool === "interval") {
      this.cut();
      return;
    }
    this.rest();
    this.list.leave(); // the next arrow means the cross, not the mark that the list was at
    this.tool = shape;
    if (PICTURE_SHAPES.includes(shape) && this.stage.mode !== "pair") this.stage.setMode("pair");
    this.followStage();
    this.hooks.tell(`${say(`mark_${shape}`)}. ${this.helpText()}`);
  }

  // Of which sample words of the prompt, inputs and intervals are said.
  turnTo(place) {
    this.place = place;
    this.hooks.pointAt(this.places.count > 1 && this.isEntered ? place : null);
    this.paintTools();
  }

  nextPlace() {
    this.turnTo((this.place + 1) % this.places.count);
    this.hooks.tell(this.places.nameOf(this.place));
  }

  pick(place) { this.turnTo(place); }

  // The type of the selected mark, and of those that follow.
  mean(error) {
    this.error = error;
    const { selected, mark } = this.book;
    if (mark) this.book.replace(selected, { ...mark, error });
    this.hooks.tell(mark ? `${selected + 1}: ${error}` : error);
    this.paintTools();
  }

  select(index) {
    this.corner = null;
    this.book.select(index);
    if (this.book.mark === null) return;
    this.places.bringUp(this.book.mark);
    if (this.book.mark.shape === "interval") this.stage.player?.seekMicros(this.book.mark.start);
    this.say(index);
  }

  toggleSelection(index) { this.select(index === this.book.selected ? null : index); }

  step(direction) {
    const { length } = this.book.marks;
    if (!length) return;
    const from = this.book.selected ?? (direction > 0 ? -1 : length);
    this.select((from + direction + length) % length);
    this.list.focus(this.book.selected);
  }

  say(index) { this.hooks.tell(this.sentence(index)); }

  sentence(index) {
    const mark = this.book.marks[index];
    return `${index + 1}: ${this.sentences.nameOf(mark)}, ${this.sentences.placeOf(mark)}`;
  }

  // -- making ---------------------------------------------------------------------------------------
  add(mark) {
    if (!this.hooks.mayAnswer()) return;
    this.turnTo(mark.place);
    this.book.add({ ...mark, error: this.error, text: "" });
    this.hooks.tell(say("mark_added", { mark: this.sentence(this.book.selected) }));
  }

  // On a picture; `points` in its pixels.
  markOn(pane, shape, points) { this.add({ ...this.places.whereOf(pane, this.place), shape, points }); }

  setDraft(draft) {
    this.draft = draft;
    this.paint();
  }

  // A corner of a polygon; one more on the first or the last, within `reach` of it, closes it.
  addCorner(pane, point, reach) {
    const points = this.draft?.pane === pane ? this.draft.points : [];
    const isOn = (corner) => corner !== undefined && distance(corner, point) <= reach;
    if (points.length >= 3 && (isOn(points[0]) || isOn(points.at(-1)))) this.finish();
    else if (!isOn(points.at(-1))) this.setDraft({ pane, shape: "polygon", points: [...points, point] });
  }

  dropCorner() {
    const points = this.draft.points.slice(0, -1);
    this.setDraft(points.length ? { ...this.draft, points } : null);
  }

  finish() {
    const { draft } = this;
    this.draft = null;
    if (draft && isDrawn(draft.shape, draft.points)) this.markOn(draft.pane, draft.shape, draft.points);
    else this.paint();
  }

  toggleSpan(text, { start, end }) {
    const mark = { target: text.target, place: text.target === "prompt" ? this.place : text.place, shape: "span", start, end };
    const same = this.book.marks.findIndex((one) => isSamePlace(one, mark));
    if (same >= 0) this.remove(same);
    else this.add(mark);
  }

  // The first press begins at the frame that is shown, the second ends with it.
  cut() {
    this.tool = "interval";
    if (!this.clip.isOpen) {
      const place = this.places.videoAt(this.place) ? this.place : this.places.scene.samples.find((pane) => this.places.videoAt(pane.place)).place;
      this.clip.begin(place);
      this.hooks.tell(say("mark_begun", { frame: this.stage.player.frame + 1 }));
    } else {
      const cut = this.clip.end();
      if (cut) this.add({ ...this.places.whereOf(cut.pane, this.place), shape: "interval", start: cut.start, end: cut.end });
    }
    this.paintTools();
  }

  // -- changing -------------------------------------------------------------------------------------
  write(index, text) { this.book.preview(index, { ...this.book.marks[index], text }); }

  remove(index) {
    this.book.remove(index);
    this.hooks.tell(say("mark_removed", { number: index + 1 }));
  }

  go(direction) {
    this.book[direction]();
    this.hooks.tell(say(`mark_${direction}_done`, { count: this.book.marks.length }));
  }

  stretch(index, edge, direction) {
    const mark = this.book.marks[index];
    const text = this.places.textOf(mark);
    if (text) this.put(index, { ...mark, ...stretched(text.words, mark, edge, direction) });
  }

  cutHere(index, edge) {
    const mark = this.book.marks[index];
    this.put(index, this.clip.withEdge(mark, edge, this.places.mediumOf(mark).pane));
  }

  put(index, mark) {
    this.book.replace(index, mark);
    this.say(index);
  }

  // Arrow keys on an entry of the list: a picture's mark or its corner moves, a span or an interval grows or shrinks at
  // its end (with Shift at its start).
  nudge(index, dx, dy, isShift) {
    const mark = this.book.marks[index];
    if (mark.shape === "span") this.stretch(index, isShift ? "start" : "end", dx || dy);
    else if (mark.shape === "interval") this.put(index, this.clip.nudged(mark, isShift ? "start" : "end", dx || -dy, this.places.mediumOf(mark).pane));
    else this.nudgeOnPicture(index, mark, dx, dy, isShift);
  }

  nudgeOnPicture(index, mark, dx, dy, isFine) {
    const { pane, medium } = this.places.mediumOf(mark);
    const step = isFine ? 1 : NUDGE / pane.at.scale;
    const moved = (points) => shifted({ points }, dx * step, dy * step, medium);
    const points = this.corner === null ? moved(mark.points) : withCorner(mark, this.corner, moved([cornersOf(mark)[this.corner]])[0]);
    if (isDrawn(mark.shape, points)) this.put(index, { ...mark, points });
  }

  // The whole mark, then each corner in turn.
  nextCorner() {
    const { mark } = this.book;
    if (!mark?.points || mark.shape === "point") return;
    const corners = cornersOf(mark);
    this.corner = this.corner === null ? 0 : this.corner + 1;
    if (this.corner >= corners.length) this.corner = null;
    this.hooks.tell(this.corner === null ? say("mark_whole") : say("mark_corner", { number: this.corner + 1, at: pixels(corners[this.corner]) }));
  }

  // -- what was said --------------------------------------------------------------------------------
  // Something stands there that is not complete: it must not get lost on the way.
  get isUnfinished() { return this.book.marks.length > 0 && this.value() === null; }

  get untyped() { return this.question.errors.length ? this.book.marks.findIndex((mark) => !mark.error) : -1; }

  value() {
    if (!this.book.marks.length || this.untyped >= 0) return null;
    return { marks: this.book.marks.map((mark) => ({ ...mark })) };
  }

  snapshot() { return { marks: this.book.marks.map((mark) => ({ ...mark })) }; }

  missing() {
    if (this.untyped < 0) return say("missing_mark");
    const index = this.untyped;
    this.select(index);
    return say("missing_mark_error", { number: index + 1 });
  }

  said({ marks }) { return marks.length === 1 ? say("mark_said_one") : say("mark_said", { count: marks.length }); }
}

function isSamePlace(one, other) {
  return ["target", "place", "shape", "start", "end"].every((name) => one[name] === other[name]);
}

function group(label, children) { return make("div", { class: "levels", role: "group", "aria-label": say(label) }, ...children); }

function press(button, isOn) { button.setAttribute("aria-pressed", String(isOn)); }
