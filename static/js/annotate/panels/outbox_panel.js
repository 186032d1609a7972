// How much is still on its way, always in sight, and what the server would not take, to be read in peace.

import { byClass, make, makeButton } from "../dom.js";
import { say } from "../words.js";

export class OutboxPanel {
  constructor({ dialog, pill, outbox }) {
    Object.assign(this, { dialog, pill, outbox });
    this.words = byClass("js-outbox-words", dialog);
    this.list = byClass("js-outbox-list", dialog);
    outbox.addEventListener("change", () => this.paint());
    outbox.addEventListener("network", () => this.paint());
  }

  paint() {
    const { pending, refused, network } = this.outbox;
    // On its way for a moment is no news; waiting is.
    const isWaiting = pending.length > 0 && (network !== "here" || pending.length > 2);
    this.pill.hidden = !isWaiting && !refused.length;
    this.pill.classList.toggle("is-refused", refused.length > 0);
    this.pill.textContent = refused.length ? refusedWords(refused.length) : waitingWords(pending.length, network);
    if (this.dialog.open) this.fill();
  }

  fill() {
    const { entries, isKeptSafely } = this.outbox;
    const words = isKeptSafely ? say("outbox_words") : say("outbox_unkept");
    this.words.textContent = entries.length ? words : say("outbox_empty");
    this.list.replaceChildren(...entries.map((entry) => this.row(entry)));
  }

  row(entry) {
    const state = entry.refused ? entry.refused.error : say("outbox_waiting");
    const dismiss = entry.refused && makeButton({ class: "btn btn-secondary btn-sm", onclick: () => this.outbox.dismiss(entry.key) }, say("outbox_dismiss"));
    return make("li", { class: "judge-outbox-row" }, make("div", { class: "grow" }, make("div", { class: "strong" }, entry.said), make("div", { class: "soft small" }, entry.title), make("div", { class: "small" }, state)), dismiss || null);
  }
}

function waitingWords(count, network) {
  if (network === "signed-out") return say("outbox_sign_in", { count });
  return count === 1 ? say("outbox_one") : say("outbox_many", { count });
}

function refusedWords(count) { return count === 1 ? say("outbox_refused_one") : say("outbox_refused_many", { count }); }
