// A person's own answers in the batch, newest first, each to be opened again while it may be changed.

import { byClass, make, makeButton } from "../dom.js";
import { NetworkAway, get } from "../server.js";
import { say } from "../words.js";

export class HistoryPanel {
  constructor({ dialog, url, onOpen }) {
    Object.assign(this, { dialog, url, onOpen });
    this.list = byClass("js-history", dialog);
    this.words = byClass("js-history-words", dialog);
    this.more = byClass("js-history-more", dialog);
    this.more.addEventListener("click", () => this.load(this.before));
  }

  fill() {
    this.list.replaceChildren();
    this.load(null);
  }

  async load(before) {
    this.words.textContent = "";
    this.more.hidden = true;
    const page = await this.page(before);
    if (!page) {
      this.words.textContent = say("history_away");
      return;
    }
    this.list.append(...page.answers.map((answer) => this.row(answer)));
    this.before = page.before;
    this.more.hidden = page.before === null;
    if (!this.list.children.length) this.words.textContent = say("history_empty");
  }

  async page(before) {
    try {
      const { status, body } = await get(before === null ? this.url : `${this.url}?before=${before}`);
      return status === 200 ? body : null;
    } catch (error) {
      if (!(error instanceof NetworkAway)) throw error;
      return null;
    }
  }

  // The newest answer that may still be changed, for an undo right after a reload.
  async newest() {
    const page = await this.page(null);
    return page?.answers.find((answer) => answer.revisable) ?? null;
  }

  row(answer) {
    const pictures = answer.thumbnails.map((url) => make("img", { src: url, alt: "", loading: "lazy", width: 56, height: 56 }));
    const at = new Date(answer.at);
    const act = answer.revisable
      ? makeButton({ class: "btn btn-secondary btn-sm", "aria-label": `${say("history_open")}: ${answer.summary}, ${answer.prompt}`, onclick: () => this.open(answer) }, say("history_open"))
      : make("span", { class: "soft small" }, say("history_closed"));
    return make("li", { class: "judge-history-row" }, make("div", { class: "judge-history-pictures" }, ...pictures),
      make("div", { class: "judge-history-words" }, make("span", { class: "strong" }, answer.summary), make("span", { class: "clip soft small" }, answer.prompt),
        make("time", { class: "soft small", datetime: answer.at }, at.toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" }))), act);
  }

  open(answer) {
    this.dialog.close();
    this.onOpen(answer.assignment);
  }
}
