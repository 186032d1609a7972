// The way through the items: show one, take the answer, show the next in the same frame; go back and change one.

import { afterPaint } from "./dom.js";
import { uuid } from "./identity.js";
import { NetworkAway, get } from "./server.js";
import { say } from "./words.js";

// States in which nothing more is handed out here.
const SHUT = new Set(["paused", "closed", "rater-paused", "needs-consent", "needs-qualification", "passed", "failed", "refused"]);

export class Session {
  constructor({ setup, stage, sheet, queue, outbox, past, clock, screen, history, onShow }) {
    Object.assign(this, { setup, stage, sheet, queue, outbox, past, clock, screen, history, onShow });
    this.current = null; // {view, prepared, mode, revises, after, said}
    this.aside = null; // the item that waits while an earlier answer is changed
    this.answered = { base: 0, here: 0, total: null };
    this.listen();
  }

  listen() {
    this.queue.addEventListener("ready", ({ detail }) => this.onReady(detail.one));
    this.queue.addEventListener("lost", ({ detail }) => this.onLost(detail.one));
    this.queue.addEventListener("state", () => this.onState());
    this.queue.addEventListener("progress", ({ detail }) => this.onProgress(detail));
    this.outbox.addEventListener("stored", ({ detail }) => this.onStored(detail));
    this.outbox.addEventListener("refused", ({ detail }) => this.onRefused(detail));
  }

  // -- showing ------------------------------------------------------------------------------------------
  showNext() {
    this.current = null;
    const one = this.queue.first;
    if (!one) this.showNothing();
    else if (!one.prepared) this.showFetching(one);
    else this.show(freshOf(one));
  }

  show(current) {
    this.current = current;
    this.screen.lower("elsewhere");
    this.screen.showItem();
    this.stage.show(current.prepared);
    this.onShow(current);
    this.sheet.show(current.view, current.mode, current.answer);
    if (current.partial) this.sheet.restore(current.partial);
    this.clock.start(current.spent ?? 0);
    this.warnOfFailure(current);
  }

  warnOfFailure({ prepared, view }) {
    if (prepared.failures?.length) this.screen.raise("failed", say("banner_failed"), this.again(() => this.refetch(view)));
    else this.screen.lower("failed");
  }

  async refetch(view) {
    const fresh = await this.stage.prepare(view);
    if (this.current?.view !== view) {
      this.stage.release(fresh);
      return;
    }
    const old = this.current.prepared;
    this.queue.replace(view, fresh);
    this.show({ ...this.current, prepared: fresh, partial: this.sheet.snapshot(), spent: this.clock.seconds });
    this.stage.release(old);
  }

  showFetching(one) {
    if (one.failed) this.queue.load(one);
    this.screen.showState({ name: "fetching", title: say("state_fetching"), text: this.keptWords(), acts: [] });
  }

  onReady(one) {
    if (this.current || this.queue.first !== one) return;
    this.showNext();
    this.announceItem();
  }

  showNothing() {
    const { state, message, door } = this.queue;
    const name = state === "open" ? "fetching" : state;
    this.clock.start();
    this.screen.showState({ name, title: say(`state_${name}`), text: [message || this.wordsOf(name), this.keptWords()].filter(Boolean).join(" "), acts: this.actsOf(name, door) });
    this.screen.announce(say(`state_${name}`));
  }

  wordsOf(name) { return { waiting: say("state_waiting_words"), done: say("state_done_words"), away: say("state_away_words") }[name] ?? ""; }

  keptWords() {
    const count = this.outbox.network === "here" ? 0 : this.outbox.pending.length;
    return count ? say("state_kept", { count }) : "";
  }

  actsOf(name, door) {
    const home = { words: say("state_home"), href: this.setup.urls.home };
    const again = { words: say("state_again"), run: () => this.queue.fill() };
    if (door) return [{ words: say(name === "needs-consent" || name === "needs-qualification" ? `state_${name}_go` : "state_home"), href: door }, home];
    if (name === "signed-out") return [again, home];
    if (["loading", "fetching", "waiting"].includes(name)) return [];
    return name === "away" ? [again] : [home];
  }

  onState() {
    if (SHUT.has(this.queue.state)) {
      for (const one of [...this.queue.held]) this.onLost(one);
      if (!this.current) this.showNothing();
      return;
    }
    if (!this.current) this.showNext();
  }

  // Somebody else has it, or this person answered it in another tab. Whoever has begun may finish.
  onLost(one) {
    if (this.isWorkedOn(one)) {
      this.screen.raise("elsewhere", say("banner_elsewhere"));
      return;
    }
    const wasShown = this.current?.view === one.view;
    if (this.aside?.view === one.view) this.aside = null;
    this.queue.drop(one);
    if (wasShown) this.showNext();
  }

  isWorkedOn(one) {
    if (this.aside?.view === one.view) return true;
    return this.current?.view === one.view && this.sheet.hasBegun;
  }

  // -- answering -------------------------------------------------------------------------------------------
  // Everything up to `afterPaint` happens within the key press: kept, and the next item painted.
  submit() {
    const { current } = this;
    if (!current) return;
    const answer = this.sheet.answer();
    if (current.mode === "revise" && isSame(answer, current.answer)) {
      this.leaveRevision();
      return;
    }
    const said = this.sheet.said(answer, current.view);
    const key = this.keep("answer", current, said, { answer, seconds: round(this.clock.seconds) });
    if (current.mode === "revise") this.afterRevision(current, answer, key, said);
    else this.afterAnswer(current, answer, key, said);
    afterPaint(() => this.follow());
  }

  keep(kind, { view, revises = null, after = null }, said, more) {
    const key = uuid();
    const body = { assignment: view.assignment, client_key: key, ...more };
    if (kind === "answer") body.revises = revises;
    this.outbox.add({ key, kind, url: this.setup.urls[kind], batch: this.setup.batch, assignment: view.assignment, title: view.prompt.text.slice(0, 90), said, after, body });
    return key;
  }

  afterAnswer(current, answer, key, said) {
    this.past.add({ view: current.view, answer, key, said });
    this.answered.here += 1;
    this.moveUp(current, said);
  }

  moveUp(current, said) {
    this.queue.finish(current.view);
    this.showNext();
    this.screen.showLast(said);
    this.showProgress();
    this.announceItem(said);
    afterPaint(() => this.stage.release(current.prepared));
  }

  afterRevision(current, answer, key, said) {
    this.past.change(current.view.assignment, { answer, key, said, id: null });
    this.screen.showLast(said);
    this.leaveRevision(say("said_changed", { said }));
  }

  follow() {
    this.outbox.flush();
    this.queue.fill();
  }

  skip(reason, text) {
    const { current } = this;
    if (!current || current.mode === "revise") return;
    this.keep("skip", current, say(`skip_${reason}`), { reason, text });
    this.moveUp(current, "");
    this.screen.tell(say("skip_done"));
    afterPaint(() => this.follow());
  }

  // -- an earlier answer ---------------------------------------------------------------------------------------
  async undo() {
    const row = this.past.before(this.current?.mode === "revise" ? this.current.view.assignment : null);
    if (row) return this.reopen(row);
    if (this.current?.mode === "revise") return this.screen.tell(say("undo_nothing"));
    const newest = await this.history.newest();
    return newest ? this.openFromHistory(newest.assignment) : this.screen.tell(say("undo_nothing"));
  }

  async reopen(row) {
    if (!this.past.isOpen(row)) {
      this.screen.tell(say("undo_late"));
      return;
    }
    const prepared = await this.stage.prepare(row.view);
    this.open({ view: row.view, prepared, mode: "revise", answer: row.answer, said: row.said, after: row.key, revises: row.id ?? this.outbox.answers.get(row.key) ?? null });
  }

  async openFromHistory(assignment) {
    const known = this.past.find(assignment);
    if (known) return this.reopen(known);
    const view = await this.fetchItem(assignment);
    if (!view?.answer) return this.screen.tell(say("undo_lost"));
    const prepared = await this.stage.prepare(view);
    const { id, ...answer } = view.answer;
    const said = this.sheet.said(answer, view);
    this.past.addOldest({ view, answer, key: null, id, said });
    return this.open({ view, prepared, mode: "revise", answer, said, after: null, revises: id });
  }

  async fetchItem(assignment) {
    try {
      const { status, body } = await get(this.setup.urls.item.replace(/\/0\/$/, `/${assignment}/`));
      return status === 200 ? body : null;
    } catch (error) {
      if (!(error instanceof NetworkAway)) throw error;
      return null;
    }
  }

  open(current) {
    if (this.current?.mode === "revise") this.releaseLater(this.current);
    else if (this.current) this.aside = { ...this.current, partial: this.sheet.snapshot(), spent: this.clock.seconds };
    this.show(current);
    this.screen.announce(say("revise_announced", { said: current.said }));
  }

  leaveRevision(words = say("said_kept")) {
    this.releaseLater(this.current);
    const { aside } = this;
    this.aside = null;
    if (aside) this.show(aside);
    else this.showNext();
    this.screen.announce(words);
  }

  releaseLater({ prepared }) { afterPaint(() => this.stage.release(prepared)); }

  // -- what the server said --------------------------------------------------------------------------------------
  onStored({ entry, said }) {
    if (entry.batch !== this.setup.batch) return;
    if (said.progress) this.onProgress(said.progress);
    if (said.late) this.screen.tell(say("outbox_late"));
    if (said.rater_state && said.rater_state !== "active") this.queue.fill();
  }

  onRefused({ entry, error }) {
    if (entry.kind === "answer") this.past.forget(entry.assignment);
    this.screen.tell(error || say("outbox_refused_one"));
    this.queue.fill();
  }

  // What was said here and is still on its way counts at once; the server's own count comes when all is stored.
  onProgress(progress) {
    if (!progress) return;
    this.answered.total = progress.total;
    if (!this.answered.isKnown || !this.outbox.pending.length) Object.assign(this.answered, { base: progress.answered, here: 0, isKnown: true });
    this.showProgress();
  }

  showProgress() { this.screen.showProgress(this.answered.base + this.answered.here, this.answered.total); }

  announceItem(said = "") {
    if (!this.current) return;
    const { base, here, total } = this.answered;
    const values = { number: base + here + 1, total, prompt: this.current.view.prompt.text, question: this.sheet.question.text };
    const item = total ? say("announce_item", values) : say("announce_item_open", values);
    this.screen.announce(said ? `${said}. ${item}` : item);
  }

  again(run) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "btn btn-secondary btn-sm", textContent: say("banner_again"), onclick: run });
    return button;
  }
}

function freshOf({ view, prepared }) {
  return { view, prepared, mode: view.draft ? "draft" : "fresh", answer: view.draft ? { flags: [], ...view.draft } : null };
}

function round(seconds) { return Math.round(seconds * 100) / 100; }

// Nothing was changed where the same is said of the same questions.
function isSame(one, other) { return plain(one) === plain(other); }

function plain(value) {
  return JSON.stringify(value, (_, part) => (part && typeof part === "object" && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).filter(([, inner]) => inner !== "" && inner !== null).sort())
    : part));
}
