// The marks in words. The selected one opens: its text, what stretches it, and how it goes away. Arrow keys on an entry
// move the mark itself.

import { make, makeButton } from "../dom.js";
import { hint } from "../hints.js";
import { say } from "../words.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class List {
  // `hand`: what does it; see mark.js.
  constructor({ book, sentences, hand }) {
    Object.assign(this, { book, sentences, hand });
    this.empty = make("p", { class: "judge-soft" }, say("mark_none"));
    this.list = make("ol", { class: "mark-list", "aria-label": say("mark_list") });
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.root = make("div", {}, this.empty, this.list);
  }

  paint(painter) {
    const open = this.list.contains(document.activeElement) ? this.placeOfFocus() : null;
    const numbered = painter.numbered;
    this.empty.hidden = numbered.length > 0;
    this.list.hidden = !numbered.length;
    // A field that is being written in stays the same element.
    if (open?.isField && open.index === this.book.selected) this.paintHeads(numbered);
    else this.list.replaceChildren(...numbered.map((one, index) => this.entry(one, index)));
    if (open && !open.isField) this.focus(Math.min(open.index, numbered.length - 1), open.control);
  }

  placeOfFocus() {
    const entry = document.activeElement.closest(".mark-entry");
    const control = controlsOf(entry).indexOf(document.activeElement);
    return { index: [...this.list.children].indexOf(entry), control, isField: document.activeElement.matches("input") };
  }

  // `control`: which of the entry's buttons; the entry itself where it is not open any more.
  focus(index, control = 0) {
    const entry = this.list.children[index];
    if (entry) (controlsOf(entry)[control] ?? controlsOf(entry)[0]).focus();
  }

  entry(one, index) {
    const entry = make("li", { class: "mark-entry" }, this.head(one, index));
    if (index === this.book.selected) entry.append(this.detail(one.mark, index));
    return entry;
  }

  paintHeads(numbered) {
    [...this.list.children].forEach((entry, index) => {
      const head = entry.querySelector(".mark-head");
      head.replaceWith(this.head(numbered[index], index));
    });
  }

  head({ mark, number, tone }, index) {
    const text = mark.text ? make("span", { class: "mark-note clip" }, mark.text) : null;
    return makeButton(
      { class: "mark-head", "aria-expanded": String(index === this.book.selected), onclick: () => this.hand.toggleSelection(index) },
      make("b", { class: `mark-number tone-${tone}`, "aria-hidden": "true" }, String(number)),
      make("span", { class: "mark-words-of" }, make("span", {}, this.sentences.nameOf(mark)), make("span", { class: "judge-soft clip" }, this.sentences.placeOf(mark)), text),
    );
  }

  detail(mark, index) {
    const act = (text, run) => makeButton({ class: "level mark-act", onclick: run }, say(text));
    const stretch = (edge, direction) => () => this.hand.stretch(index, edge, direction);
    const acts = {
      span: [act("mark_start_earlier", stretch("start", -1)), act("mark_start_later", stretch("start", 1)), act("mark_end_earlier", stretch("end", -1)), act("mark_end_later", stretch("end", 1))],
      interval: [act("mark_start_here", () => this.hand.cutHere(index, "start")), act("mark_end_here", () => this.hand.cutHere(index, "end"))],
    }[mark.shape] ?? [];
    const remove = makeButton({ class: "level mark-act", onclick: () => this.hand.remove(index) }, say("mark_delete"), hint("mark.delete"));
    const help = { span: "mark_help_entry_span", interval: "mark_help_entry_interval", point: "mark_help_entry_point" }[mark.shape] ?? "mark_help_entry";
    return make("div", { class: "mark-detail" }, this.field(mark, index), make("div", { class: "mark-acts" }, ...acts, remove), make("p", { class: "judge-soft if-keys" }, say(help)));
  }

  field(mark, index) {
    const field = make("input", { class: "judge-field", type: "text", maxlength: "2000", value: mark.text ?? "", placeholder: say("mark_text"), "aria-label": say("mark_text_of", { number: index + 1 }) });
    field.addEventListener("input", () => this.hand.write(index, field.value));
    field.addEventListener("change", () => this.book.settle());
    field.addEventListener("keydown", (event) => {
      if (!["Enter", "Escape"].includes(event.key) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation(); // the field is left, the answer not yet sent
      this.focus(index);
    });
    return field;
  }

  leave() { if (this.list.contains(document.activeElement)) document.activeElement.blur(); }

  writeIn(index) { this.list.children[index]?.querySelector("input")?.focus(); }

  // On an entry, arrows mean the mark and not the cross.
  onKey(event) {
    const entry = event.target.closest(".mark-head") && this.placeOfFocus();
    if (!entry || event.ctrlKey || event.metaKey || event.altKey) return;
    const isCorner = event.key.toLowerCase() === "v";
    if (!(event.key in ARROWS) && !isCorner && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") {
      this.leave();
      this.hand.select(null);
      return;
    }
    if (entry.index !== this.book.selected) this.hand.select(entry.index);
    if (isCorner) this.hand.nextCorner();
    else this.hand.nudge(entry.index, ...ARROWS[event.key], event.shiftKey);
  }
}

function controlsOf(entry) { return [...entry.querySelectorAll("button, input")]; }
