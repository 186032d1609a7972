// A note for each sample, or one for the item. Escape leaves the field, Ctrl and Enter send.

import { make } from "../dom.js";
import { hint, placeName } from "../hints.js";
import { say } from "../words.js";

export class Write {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "write", count: -1, fields: [] });
    this.actions = [{ id: "write.field", label: say("write_field"), keys: ["e"], run: () => this.enter() }];
    this.root = make("div", { class: "write" });
  }

  show(view) {
    const count = this.question.per === "item" ? 0 : view.samples.length;
    if (count !== this.count) this.build(count);
    this.set(null);
  }

  build(count) {
    this.count = count;
    const names = count ? Array.from({ length: count }, (_, place) => placeName(place, count)) : [say("write_note")];
    this.fields = names.map((name) => this.field(name));
    const parts = this.fields.map((field, place) => make("label", { class: "write-label" }, make("span", {}, names[place]), field));
    this.root.replaceChildren(...parts, make("p", { class: "judge-soft" }, say("write_help"), " ", hint("write.field")));
    this.hooks.onBuilt(this.root);
  }

  field(name) {
    const field = make("textarea", { class: "judge-field", rows: "4", maxlength: this.question.most ?? 2000, "aria-label": `${this.question.text} ${name}` });
    field.addEventListener("input", () => this.hooks.onChange());
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      field.blur();
    });
    return field;
  }

  enter() { (this.fields.find((field) => !field.value) ?? this.fields[0]).focus(); }

  leave() { for (const field of this.fields) field.blur(); }

  set(answer) {
    const texts = answer ? (answer.texts ?? [answer.text]) : [];
    this.fields.forEach((field, place) => { field.value = texts[place] ?? ""; });
  }

  get texts() { return this.fields.map((field) => field.value.trim()); }

  value() {
    const isEnough = this.question.required ? this.texts.every(Boolean) : this.texts.some(Boolean);
    if (!isEnough) return null;
    return this.count ? { texts: this.texts } : { text: this.texts[0] };
  }

  snapshot() { return { texts: this.fields.map((field) => field.value) }; }

  missing() { return say("missing_note"); }

  said() { return say("write_said"); }
}
