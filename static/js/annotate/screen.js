// Everything around the samples that changes with the item or the network: progress, prompt, notes, banners, and what
// stands in place of an item when there is none.

import { byClass, make, makeButton } from "./dom.js";
import { TextView, turnsView } from "./stage/text.js";
import { Words } from "./stage/words.js";
import { say } from "./words.js";

const NOTE_STAYS = 5000; // milliseconds

export class Screen {
  constructor(stageTexts) {
    this.stageWords = new Words(stageTexts);
    const names = ["progress", "count", "prompt", "question", "stage", "state", "note", "banner", "live", "last", "draft"];
    for (const name of names) this[name] = byClass(`js-${name}`);
    this.banners = new Map(); // name -> element, shown in the order they came
  }

  // -- words that pass -----------------------------------------------------------------------------------
  // For those who listen. The same words twice in a row are said twice.
  announce(text) { this.live.textContent = this.live.textContent === text ? `${text}\u00a0` : text; }

  // For everybody.
  tell(text) {
    clearTimeout(this.noteTimer);
    this.note.textContent = text;
    this.note.hidden = false;
    this.noteTimer = setTimeout(() => { this.note.hidden = true; }, NOTE_STAYS);
    this.announce(text);
  }

  showLast(said) {
    this.last.textContent = said ? say("said_now", { said }) : "";
    this.last.title = said;
  }

  // -- progress --------------------------------------------------------------------------------------------
  showProgress(answered, total) {
    const words = total ? say("count_of", { answered, total }) : say("count_only", { answered });
    if (this.count.textContent === words) return;
    this.count.textContent = words;
    this.progress.max = total || 1;
    this.progress.value = total ? Math.min(answered, total) : 0;
    this.progress.hidden = !total;
  }

  // -- the item --------------------------------------------------------------------------------------------
  // Returns the text of the prompt (a TextView), which marks refer to; null for a conversation in which it does not stand.
  showPrompt(prompt) {
    const own = prompt.turns?.length ? null : new TextView(prompt.text, { className: "judge-prompt-words" });
    this.prompt.replaceChildren(own ? own.element : turnsView(prompt.turns, this.stageWords));
    this.prompt.lang = prompt.locale || "";
    this.prompt.classList.toggle("is-long", prompt.text.length > 160);
    return own ?? this.lastTurn(prompt.text);
  }

  // The text of a conversation's prompt is its last turn.
  lastTurn(text) {
    const turns = [...this.prompt.querySelectorAll(".canvas-turn-words")].map((element) => TextView.of(element));
    return turns.findLast((turn) => turn.original === text) ?? null;
  }

  // -- banners -----------------------------------------------------------------------------------------------
  raise(name, text, ...acts) {
    this.banners.set(name, make("div", { class: "judge-banner-line" }, make("span", {}, text), ...acts));
    this.paintBanner();
    this.announce(text);
  }

  lower(name) { if (this.banners.delete(name)) this.paintBanner(); }

  paintBanner() {
    this.banner.replaceChildren(...this.banners.values());
    this.banner.hidden = this.banners.size === 0;
  }

  // -- instead of an item ---------------------------------------------------------------------------------------
  showItem() {
    this.state.hidden = true;
    document.body.classList.remove("has-no-item");
  }

  // `acts`: [{words, href}] or [{words, run}], the first of which is what one would do next.
  showState({ name, title, text, acts }) {
    const key = `${name}/${text}`;
    if (this.state.dataset.key === key && !this.state.hidden) return;
    this.state.dataset.key = key;
    document.body.classList.add("has-no-item");
    this.state.hidden = false;
    this.state.replaceChildren(make("h2", {}, title), text ? make("p", {}, text) : "", make("div", { class: "judge-state-acts" }, ...acts.map(actElement)));
    this.prompt.replaceChildren();
    this.question.textContent = "";
  }
}

function actElement({ words, href, run }, index) {
  const className = index ? "btn btn-secondary" : "btn btn-primary";
  return href ? make("a", { class: className, href }, words) : makeButton({ class: className, onclick: run }, words);
}
