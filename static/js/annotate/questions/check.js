// A checklist of two levels: headings and items. One key answers the item whose turn it is and moves on, item by item,
// then sample by sample.

import { make, makeButton } from "../dom.js";
import { placeName } from "../hints.js";
import { keysFor } from "./rate.js";
import { say } from "../words.js";

const MOST_LEVELS = 10;

export class Check {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "check", count: 0, row: 0, column: 0, values: [] });
    this.items = question.items;
    this.actions = [...this.levelActions(), ...this.yesNoActions(), ...this.moves()];
    this.root = make("div", { class: "check" });
  }

  // -- keys ---------------------------------------------------------------------------------------------
  // The n-th key of the longest scale; what it means is the current item's.
  levelActions() {
    const longest = this.items.reduce((one, item) => (item.levels.length > one.length ? item.levels : one), []);
    const keys = keysFor(longest.slice(0, MOST_LEVELS));
    return keys.map((key, index) => ({
      id: `check.level_${index + 1}`, label: say("check_level", { level: longest[index].label || longest[index].value }), keys: [key],
      isAvailable: () => Boolean(this.levelBy(index, longest)), run: () => this.answer(this.levelBy(index, longest).value),
    }));
  }

  levelBy(index, longest) {
    const { levels } = this.items[this.row];
    return levels.find((level) => level.value === longest[index].value) ?? levels[index];
  }

  yesNoActions() {
    if (!this.items.some((item) => item.levels.length === 2)) return [];
    return [["yes", "y", 1], ["no", "n", 0]].map(([name, key, index]) => ({
      id: `check.${name}`, label: say(`check_${name}`), keys: [key],
      isAvailable: () => this.items[this.row].levels.length === 2, run: () => this.answer(inOrder(this.items[this.row].levels)[index].value),
    }));
  }

  moves() {
    const move = (id, key, rows, columns) => ({ id: `check.${id}`, label: say(`check_${id}`), keys: [key], repeats: true, run: () => this.moveBy(rows, columns) });
    return [move("up", "ArrowUp", -1, 0), move("down", "ArrowDown", 1, 0), move("left", "ArrowLeft", 0, -1), move("right", "ArrowRight", 0, 1)];
  }

  // -- what is seen -----------------------------------------------------------------------------------------
  show(view) {
    if (view.samples.length !== this.count) this.build(view.samples.length);
    this.set(null);
  }

  build(count) {
    this.count = count;
    this.cells = [];
    const rows = [];
    let group = "";
    this.items.forEach((item, row) => {
      if (item.group && item.group !== group) rows.push(make("tr", {}, make("th", { class: "check-group", colspan: count + 1, scope: "colgroup" }, item.group)));
      group = item.group;
      rows.push(this.rowOf(item, row));
    });
    this.root.replaceChildren(make("table", { class: "check-table" }, make("caption", { class: "visually-hidden" }, this.question.text), this.head(), make("tbody", {}, ...rows)));
  }

  head() {
    const names = Array.from({ length: this.count }, (_, place) => make("th", { scope: "col" }, placeName(place, this.count)));
    return make("thead", {}, make("tr", {}, make("td", {}), ...names));
  }

  rowOf(item, row) {
    const cells = Array.from({ length: this.count }, (_, column) => this.cellOf(item, row, column));
    this.cells.push(cells);
    return make("tr", {}, make("th", { scope: "row" }, item.text), ...cells.map((cell) => make("td", {}, cell)));
  }

  cellOf(item, row, column) {
    const name = `${item.text} ${placeName(column, this.count)}`;
    const buttons = item.levels.map((level) => makeButton(
      { class: "check-level", "aria-pressed": "false", data: { value: level.value }, onclick: () => this.answerAt(row, column, level.value) }, level.label || String(level.value),
    ));
    return make("div", { class: "check-cell", role: "group", "aria-label": name }, ...buttons);
  }

  paint() {
    this.cells.forEach((cells, row) => cells.forEach((cell, column) => {
      cell.classList.toggle("is-turn", row === this.row && column === this.column);
      for (const button of cell.children) button.setAttribute("aria-pressed", String(Number(button.dataset.value) === this.values[row][column]));
    }));
    if (this.isEntered) this.hooks.pointAt(this.count > 1 ? this.column : null);
  }

  enter() {
    this.isEntered = true;
    this.paint();
    this.bringIntoView();
  }

  leave() {
    this.isEntered = false;
    this.hooks.pointAt(null);
  }

  bringIntoView() { this.cells[this.row][this.column].scrollIntoView({ block: "nearest" }); }

  // -- answering ----------------------------------------------------------------------------------------------
  moveBy(rows, columns) {
    this.row = clamp(this.row + rows, this.items.length);
    this.column = clamp(this.column + columns, this.count);
    this.paint();
    this.bringIntoView();
    this.hooks.tell(`${this.items[this.row].text} ${placeName(this.column, this.count)}`);
  }

  answerAt(row, column, value) {
    Object.assign(this, { row, column });
    this.answer(value);
  }

  answer(value) {
    if (!this.hooks.mayAnswer()) return;
    const isCorrection = this.value() !== null;
    this.values[this.row][this.column] = value;
    this.hooks.onChange();
    if (isCorrection && this.items.length * this.count > 1) {
      this.moveBy(1, 0);
      return;
    }
    const next = this.nextEmpty();
    if (next) Object.assign(this, next);
    this.paint();
    if (!next) {
      this.hooks.onDone();
      return;
    }
    this.bringIntoView();
    this.hooks.tell(`${this.items[this.row].text} ${placeName(this.column, this.count)}`);
  }

  // Down the list of this sample, then the next sample; then whatever was left out.
  nextEmpty() {
    const all = [];
    for (let column = 0; column < this.count; column += 1) for (let row = 0; row < this.items.length; row += 1) all.push({ row, column });
    const here = all.findIndex((one) => one.row === this.row && one.column === this.column);
    return [...all.slice(here + 1), ...all.slice(0, here)].find((one) => this.values[one.row][one.column] === null) ?? null;
  }

  pick(place) {
    this.column = place;
    this.paint();
  }

  set(answer) {
    this.values = this.items.map((item) => (answer ? [...answer.values[item.key]] : Array(this.count).fill(null)));
    Object.assign(this, { row: 0, column: 0 });
    this.paint();
  }

  snapshot() { return { values: Object.fromEntries(this.items.map((item, row) => [item.key, [...this.values[row]]])) }; }

  value() {
    if (this.values.some((row) => row.includes(null))) return null;
    return this.snapshot();
  }

  missing() {
    const row = this.values.findIndex((values) => values.includes(null));
    return say("missing_check", { item: this.items[row].text, name: placeName(this.values[row].indexOf(null), this.count) });
  }

  said(answer) { return say("check_said", { count: Object.values(answer.values).flat().length }); }
}

function clamp(value, length) { return Math.min(Math.max(value, 0), length - 1); }

function inOrder(levels) { return [...levels].sort((one, other) => one.value - other.value); }
