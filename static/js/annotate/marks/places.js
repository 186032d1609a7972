// What the shown item offers to be marked, and where a mark belongs in it.

import { placeName } from "../hints.js";
import { roleName } from "../stage/film.js";
import { wordsOf } from "./words.js";

export class Places {
  // `promptText()` gives the text of the shown prompt (a TextView), or null for a conversation.
  constructor(question, stage, promptText) { Object.assign(this, { question, stage, promptText, scene: null, texts: [] }); }

  // The scene that is shown now; a later one is another item's.
  show() {
    this.scene = this.stage.scene;
    this.texts = [...this.promptTexts(), ...this.answerTexts()].map((text) => (
      { ...text, words: wordsOf(text.view.original, text.target === "prompt" ? this.scene.item.prompt.locale : "") }
    ));
  }

  get isShown() { return this.scene !== null && this.scene === this.stage.scene; }
  get count() { return this.scene?.samples.length ?? 0; }

  asks(target, shape) { return this.question.targets.includes(target) && (!shape || this.question.shapes.includes(shape)); }

  // -- pictures and videos ----------------------------------------------------------------------
  get panes() { return this.isShown ? this.scene.shown.filter((pane) => this.canMark(pane)) : []; }

  canMark(pane) {
    const isAsked = pane.isInput ? this.asks("input") : this.asks("media");
    return isAsked && Boolean(pane.medium) && !pane.medium.failed;
  }

  paneAt(event) {
    const view = event.target.closest?.(".canvas-view");
    return view ? this.panes.find((pane) => pane.view === view) ?? null : null;
  }

  // Where a mark on the shown medium of a pane belongs; one on an input says which sample got it wrong (`place`).
  whereOf(pane, place) {
    if (!pane.isInput) return { target: "media", place: pane.place, media: pane.current };
    const { role, spec } = pane.medium;
    return { target: "input", place, role, media: this.ofRole(role).indexOf(spec) };
  }

  ofRole(role) { return this.scene.item.prompt.media.filter((spec) => spec.role === role); }

  // {pane, index, medium} of a mark, or null where the item has no such medium.
  mediumOf(mark) {
    const pane = mark.target === "input" ? this.scene.inputs : this.scene.samples[mark.place];
    if (!pane) return null;
    const index = mark.target === "input" ? pane.media.findIndex(({ spec }) => spec === this.ofRole(mark.role)[mark.media]) : mark.media;
    const medium = pane.media[index];
    return medium ? { pane, index, medium } : null;
  }

  // Whether this mark's medium is the one its pane shows now.
  isOn(mark, pane) {
    const found = "media" in mark ? this.mediumOf(mark) : null;
    return found?.pane === pane && found.index === pane.current;
  }

  bringUp(mark) {
    const found = "media" in mark ? this.mediumOf(mark) : null;
    if (!found) return;
    if (found.pane.isInput && !this.stage.isBeside) this.stage.setBeside(true);
    if (found.index !== found.pane.current) this.stage.turnPane(found.pane, found.index);
  }

  // -- texts ------------------------------------------------------------------------------------
  promptTexts() {
    const view = this.asks("prompt", "span") ? this.promptText() : null;
    return view ? [{ target: "prompt", view }] : [];
  }

  answerTexts() {
    if (!this.asks("answer", "span")) return [];
    return this.scene.samples.filter((pane) => pane.text).map((pane) => ({ target: "answer", place: pane.place, view: pane.text }));
  }

  textOf(mark) {
    return this.texts.find((text) => text.target === mark.target && (text.target === "prompt" || text.place === mark.place)) ?? null;
  }

  textHolding(node) { return this.texts.find((text) => text.view.element.contains(node)) ?? null; }

  // -- videos -----------------------------------------------------------------------------------
  // The pane whose video an interval about this sample is said of.
  videoAt(place) {
    const pane = this.isShown ? this.scene.samples[place] : null;
    return pane && this.canMark(pane) && pane.medium.kind === "video" ? pane : null;
  }

  // -- what can be done here --------------------------------------------------------------------
  can(shape) {
    if (!this.question.shapes.includes(shape) || !this.scene) return false;
    if (shape === "span") return this.texts.length > 0;
    if (shape === "interval") return this.scene.samples.some((pane) => this.videoAt(pane.place));
    return this.scene.panes.some((pane) => this.canMark(pane));
  }

  // -- names ------------------------------------------------------------------------------------
  nameOf(place) { return this.count > 1 ? placeName(place, this.count) : ""; }

  roleOf(mark) { return roleName(mark.role, this.stage.words); }
}
