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
    byClass("js-close", dialog)?.addEventListener("click", () => this.close(name));
    dialog.addEventListener("click", (event) => { if (event.target === dialog && name !== "pause") this.close(name); });
    // Closed some other way; by the time this is heard the panel may be open again.
    dialog.addEventListener("close", () => { if (!dialog.open) this.onClose.get(name)?.(); });
    dialog.addEventListener("keydown", (event) => {
      if (!dialog.open) return; // just closed: the focus has not left it yet, but the key is meant for the page
      event.stopPropagation(); // a key that closes the panel must not mean something to the page below
      if (event.key === "Escape" && !dialog.dataset.listens) {
        // The browser closes a dialog a moment after the key, so that a quick next key would fall into the dialog.
        event.preventDefault();
        this.close(name);
        return;
      }
      const isTyping = ["INPUT", "TEXTAREA"].includes(event.target.tagName) || dialog.dataset.listens;
      if (isTyping || !this.keysOf(name).includes(nameOf(event))) return;
      event.preventDefault();
      this.close(name);
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

  // What follows from closing happens at once; the browser's own event comes a moment later.
  close(name) {
    this.dialogs.get(name)?.close();
    this.onClose.get(name)?.();
  }
}
