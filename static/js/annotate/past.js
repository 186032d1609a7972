// What was answered since the page was opened, so that it can be opened again: the item, the answer, and under which
// name it was sent.

export class Past {
  constructor({ undoSeconds, now = () => Date.now() }) { Object.assign(this, { undoSeconds, now, rows: [] }); }

  // `row`: {view, answer, key, mode}; one row an item, the newest answer last.
  add(row) {
    this.rows = [...this.rows.filter((other) => other.view.assignment !== row.view.assignment), { ...row, at: this.now() }];
  }

  // Opened from the history: before all that was answered since.
  addOldest(row) { this.rows = [{ ...row, at: this.now() }, ...this.rows]; }

  // A change is no new place in the order, and the window is counted from the first answer.
  change(assignment, changes) {
    this.rows = this.rows.map((row) => (row.view.assignment === assignment ? { ...row, ...changes } : row));
  }

  forget(assignment) { this.rows = this.rows.filter((row) => row.view.assignment !== assignment); }

  find(assignment) { return this.rows.find((row) => row.view.assignment === assignment) ?? null; }

  // The answer before the one of `assignment`; the newest one where none is given.
  before(assignment) {
    const at = this.rows.findIndex((row) => row.view.assignment === assignment);
    return this.rows[(at < 0 ? this.rows.length : at) - 1] ?? null;
  }

  isOpen(row) { return this.now() - row.at < this.undoSeconds * 1000; }
}
