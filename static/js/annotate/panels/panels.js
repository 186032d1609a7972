// The dialogs of the page: one open at a time, opened and closed by the same key, closed by Escape.

import { byClass } from "../dom.js";
import { nameOf } from "../keys.js";

export class Panels {
  // `keyOf(name)` lists the keys that open a panel, and close it again.
  constructor(keysOf) {
    this.keysOf = keysOf;
    this.onOpen = new Map(); // name -> what fills it
    this.onClose = new Map();
    this.dialogs = new Map([...document.querySelectorAll("dialog[data-name]")].map((dialog) => [dialog.dataset.name, dialog]));
    for (const [name, dialog] of this.dialogs) this.wire(name, dialog);
    for (const button of document.querySelectorAll("[data-panel]")) button.addEventListener("click", () => this.open(button.dataset.panel));
  }

  wire(name, dialog) {
    byClass("js-close", dialog)?.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog && name !== "pause") dialog.close(); });
    dialog.addEventListener("close", () => this.onClose.get(name)?.());
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // a key that closes the panel must not mean something to the page below
      const isTyping = ["INPUT", "TEXTAREA"].includes(event.target.tagName) || dialog.dataset.listens;
      if (isTyping || !this.keysOf(name).includes(nameOf(event))) return;
      event.preventDefault();
      dialog.close();
    });
  }

  has(name) { return this.dialogs.has(name); }
  get(name) { return this.dialogs.get(name); }
  get isAnyOpen() { return [...this.dialogs.values()].some((dialog) => dialog.open); }

  open(name) {
    const dialog = this.dialogs.get(name);
    if (!dialog || this.isAnyOpen) return;
    this.onOpen.get(name)?.();
    dialog.showModal();
  }

  close(name) { this.dialogs.get(name)?.close(); }
}
