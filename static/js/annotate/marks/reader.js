// Marking words: a click on one, a drag over several, or keys that go from word to word and stretch with Shift.

import { distance } from "./shapes.js";
import { trimmed } from "./words.js";

const STILL = 4; // CSS pixels: less is a click

export class Reader {
  // `hand.toggleSpan(text, span)` is told what was chosen.
  constructor({ places, hand }) {
    Object.assign(this, { places, hand, down: null });
    this.hide();
    document.addEventListener("pointerdown", (event) => { this.down = [event.clientX, event.clientY]; });
    document.addEventListener("click", (event) => this.click(event));
    document.addEventListener("pointerup", (event) => this.up(event));
  }

  // -- mouse and finger -----------------------------------------------------------------------------
  click(event) {
    const isStill = this.down && distance(this.down, [event.clientX, event.clientY]) <= STILL;
    const text = this.hand.isReading && isStill && event.detail <= 1 ? this.places.textHolding(event.target) : null;
    const word = text && wordAt(text, event.clientX, event.clientY);
    if (word) this.hand.toggleSpan(text, word);
  }

  up(event) {
    const selection = getSelection();
    const isStill = !this.down || distance(this.down, [event.clientX, event.clientY]) <= STILL;
    if (!this.hand.isReading || isStill || selection.isCollapsed) return;
    const text = this.places.textHolding(selection.anchorNode);
    const span = text && chosen(text, selection);
    if (!span) return;
    selection.removeAllRanges();
    this.hand.toggleSpan(text, span);
  }

  // -- keys -----------------------------------------------------------------------------------------
  get isOn() { return this.text !== null && this.places.texts.includes(this.text); }
  get state() { return this.isOn ? { text: this.text, span: this.span } : null; }

  hide() { Object.assign(this, { text: null, from: 0, to: 0 }); }

  // The words from the one where Shift went down to the one where the keys are now.
  get span() {
    const [first, last] = [Math.min(this.from, this.to), Math.max(this.from, this.to)];
    return { start: this.text.words[first].start, end: this.text.words[last].end };
  }

  show(text) { if (text?.words.length) Object.assign(this, { text, from: 0, to: 0 }); }

  // Left and right by words, up and down by lines; beyond the last line comes the next text.
  moveBy(dx, dy, isStretching) {
    const next = dx ? this.to + dx : this.inLine(dy);
    const { words } = this.text;
    if (words[next]) this.goTo(next, isStretching);
    else if (!isStretching) this.turn(dx || dy);
  }

  goTo(word, isStretching) {
    this.to = word;
    if (!isStretching) this.from = word;
    this.scrollTo(this.text.words[word]);
  }

  turn(direction) {
    const { texts } = this.places;
    const next = texts[texts.indexOf(this.text) + direction];
    if (!next?.words.length) return;
    const word = direction > 0 ? 0 : next.words.length - 1;
    Object.assign(this, { text: next });
    this.goTo(word, false);
  }

  // The word above or below that stands most nearly there; -1 where there is no such line.
  inLine(direction) {
    const boxes = this.text.words.map((word) => boxOf(this.text, word));
    const here = boxes[this.to];
    const lines = boxes.map((box, index) => ({ box, index })).filter(({ box }) => (box.top - here.top) * direction > here.height / 2);
    if (!lines.length) return -1;
    const nearest = lines.reduce((one, { box }) => (Math.abs(box.top - here.top) < Math.abs(one - here.top) ? box.top : one), Infinity);
    const own = lines.filter(({ box }) => Math.abs(box.top - nearest) < here.height / 2);
    return own.reduce((one, other) => (away(other.box, here) < away(one.box, here) ? other : one)).index;
  }

  scrollTo(word) {
    const { element } = this.text.view;
    const [box, own] = [boxOf(this.text, word), element.getBoundingClientRect()];
    if (box.bottom > own.bottom) element.scrollTop += box.bottom - own.bottom + box.height;
    else if (box.top < own.top) element.scrollTop -= own.top - box.top + box.height;
  }
}

function away(box, here) { return Math.abs(box.left + box.width / 2 - here.left - here.width / 2); }

function boxOf({ view }, { start, end }) { return view.rangesOf(start, end)[0].getBoundingClientRect(); }

// The word whose letters stand at a point of the window.
function wordAt(text, x, y) {
  const place = placeAt(text, x, y);
  const near = place === null ? [] : text.words.filter(({ start, end }) => start <= place && place <= end);
  return near.find(({ start, end }) => text.view.rangesOf(start, end).some((range) => [...range.getClientRects()].some((box) => holds(box, x, y)))) ?? null;
}

function holds({ left, right, top, bottom }, x, y) { return x >= left && x <= right && y >= top && y <= bottom; }

function placeAt({ view }, x, y) {
  // Two names for the same, of which browsers know one or the other.
  const found = document.caretPositionFromPoint?.(x, y);
  if (found) return view.offsetOf(found.offsetNode, found.offset);
  const range = document.caretRangeFromPoint?.(x, y);
  return range ? view.offsetOf(range.startContainer, range.startOffset) : null;
}

function chosen({ view }, { anchorNode, anchorOffset, focusNode, focusOffset }) {
  const places = [view.offsetOf(anchorNode, anchorOffset), view.offsetOf(focusNode, focusOffset)];
  if (places.includes(null)) return null;
  const [start, end] = places.sort((one, other) => one - other);
  return start < end ? trimmed(view.original, { start, end }) : null;
}
