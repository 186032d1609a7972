// The marks of one question, with every step back and forth. A mark is never changed, only replaced.

export class Book {
  // `onChange()` is told after every change.
  constructor(onChange) {
    Object.assign(this, { onChange });
    this.load([]);
  }

  // Starts anew with what was said before, exactly as it was said.
  load(marks) { Object.assign(this, { marks, selected: null, before: null, past: [], future: [] }); }

  get mark() { return this.marks[this.selected] ?? null; }
  get canUndo() { return this.past.length > 0; }
  get canRedo() { return this.future.length > 0; }

  select(index) {
    this.settle();
    this.selected = index !== null && this.marks[index] ? index : null;
    this.onChange();
  }

  add(mark) {
    this.settle();
    this.step([...this.marks, mark], this.marks.length);
  }

  replace(index, mark) {
    this.settle();
    this.step(this.marks.toSpliced(index, 1, mark), index);
  }

  remove(index) {
    this.settle();
    this.step(this.marks.toSpliced(index, 1), null);
  }

  // While a hand still moves or a text is typed: many looks, one step, which `settle` ends.
  preview(index, mark) {
    this.before ??= { marks: this.marks, selected: this.selected };
    Object.assign(this, { marks: this.marks.toSpliced(index, 1, mark), selected: index });
    this.onChange();
  }

  settle() {
    if (!this.before) return;
    this.past.push(this.before);
    Object.assign(this, { before: null, future: [] });
  }

  // The hand let go where it must not: as if nothing had been done.
  abandon() {
    if (!this.before) return;
    Object.assign(this, this.before, { before: null });
    this.onChange();
  }

  step(marks, selected) {
    this.past.push({ marks: this.marks, selected: this.selected });
    Object.assign(this, { marks, selected, future: [] });
    this.onChange();
  }

  undo() { this.go(this.past, this.future); }

  redo() { this.go(this.future, this.past); }

  go(from, to) {
    this.settle();
    const state = from.pop();
    if (!state) return;
    to.push({ marks: this.marks, selected: this.selected });
    Object.assign(this, state);
    this.onChange();
  }
}
