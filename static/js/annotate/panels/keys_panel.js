// All actions with their keys, each of which can be changed.

import { byClass, make } from "../dom.js";
import { isPlainKey, nameOf, signOf } from "../keys.js";
import { say } from "../words.js";

export class KeysPanel {
  constructor({ dialog, keys, onChange }) {
    Object.assign(this, { dialog, keys, onChange, waitsFor: null });
    this.list = byClass("js-keys-list", dialog);
    this.words = byClass("js-keys-words", dialog);
    byClass("js-keys-reset", dialog).addEventListener("click", () => this.reset());
    dialog.addEventListener("keydown", (event) => this.take(event), { capture: true });
    dialog.addEventListener("close", () => this.stopWaiting());
  }

  fill() {
    const scopes = [...new Set(this.keys.actions.map((known) => known.scope))];
    this.list.replaceChildren(...scopes.map((scope) => this.group(scope)));
    this.words.textContent = "";
  }

  group(scope) {
    const rows = this.keys.actions.filter((known) => known.scope === scope && known.action.keys.length).map(({ action }) => this.row(action));
    return make("section", { class: "judge-keys-group" }, make("h3", {}, say(`keys_${scope}`)), make("ul", { class: "plain-list" }, ...rows));
  }

  row(action) {
    const signs = this.keys.keysOf(action.id).map(signOf);
    const words = say("key_change", { action: action.label, key: signs.join(", ") || say("key_none") });
    const button = make("button", { type: "button", class: "judge-key-button", data: { action: action.id }, "aria-label": words, onclick: () => this.wait(action, button) }, ...signs.flatMap((sign) => [make("kbd", {}, sign), " "]));
    return make("li", { class: "judge-keys-row" }, make("span", {}, action.label), button);
  }

  wait(action, button) {
    this.stopWaiting();
    this.waitsFor = { action, button };
    this.dialog.dataset.listens = "1";
    button.textContent = say("key_press");
    button.focus();
    this.words.textContent = "";
  }

  stopWaiting() {
    if (!this.waitsFor) return;
    const { action } = this.waitsFor;
    this.waitsFor = null;
    delete this.dialog.dataset.listens;
    this.fill();
    this.list.querySelector(`[data-action="${CSS.escape(action.id)}"]`)?.focus();
  }

  // Before anybody else hears the key.
  take(event) {
    if (!this.waitsFor || !isPlainKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const { action } = this.waitsFor;
    const refusal = event.key === "Escape" ? "" : this.keys.change(action.id, nameOf(event));
    this.stopWaiting();
    this.words.textContent = refusal ?? say("key_changed", { action: action.label, key: this.keys.signOf(action.id) });
    this.onChange();
  }

  reset() {
    this.keys.reset();
    this.fill();
    this.onChange();
  }
}
