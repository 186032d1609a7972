// The items in this person's hands: the one shown and the next ones, leased, fetched and decoded before they are due.

import { NetworkAway, post } from "./server.js";

const AHEAD = 2; // further items beside the shown one
const LEAST_BEAT = 5; // seconds between two renewals, at least
const RETRY = 3000; // milliseconds after the network did not answer

export class Queue extends EventTarget {
  constructor({ batch, url, leaseSeconds, prepare, release, pending }) {
    super();
    Object.assign(this, { batch, url, prepare, release, pending });
    this.beat = Math.max(leaseSeconds / 3, LEAST_BEAT) * 1000;
    this.held = []; // {view, prepared, failed} in the order they will be shown
    this.finished = new Set(); // assignments that were answered or skipped here
    this.state = "loading";
    this.message = "";
    this.isResting = false;
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.fill(); });
    addEventListener("online", () => this.fill());
  }

  get first() { return this.held[0] ?? null; }

  // The person answered or skipped this item; whoever is next moves up.
  finish(view) {
    this.finished.add(view.assignment);
    this.held = this.held.filter((one) => one.view.assignment !== view.assignment);
    this.channel?.postMessage({ finished: view.assignment });
  }

  // Answered in another tab of the same person: nobody needs to see it here.
  listenToOtherTabs() {
    this.channel = new BroadcastChannel(`pairwright-batch-${this.batch}`);
    this.channel.onmessage = ({ data }) => this.lose([data.finished]);
  }

  rest(isResting) {
    this.isResting = isResting;
    if (!isResting) this.fill();
  }

  // -- asking the server --------------------------------------------------------------------------------
  async fill() {
    clearTimeout(this.timer);
    if (this.isAsking) {
      this.isAskedAgain = true;
      return;
    }
    if (this.isResting || document.hidden) return;
    this.isAsking = true;
    const next = await this.ask();
    this.isAsking = false;
    if (this.isAskedAgain) {
      this.isAskedAgain = false;
      this.fill();
      return;
    }
    this.timer = setTimeout(() => this.fill(), next);
  }

  // Returns the milliseconds until the server is asked again.
  async ask() {
    const before = new Set(this.held.map((one) => one.view.assignment));
    // What was answered and is still on its way counts as held on the server.
    const want = 1 + AHEAD + this.pending();
    try {
      const { status, body } = await post(this.url, { want });
      if (status === 200) return this.take(body, before);
      this.turn(status === 401 ? "signed-out" : "refused", body.error ?? "");
      return this.beat;
    } catch (error) {
      if (!(error instanceof NetworkAway)) throw error;
      if (!this.held.length) this.turn("away");
      this.tell("away");
      return RETRY;
    }
  }

  take(body, before) {
    const views = (body.items ?? []).filter((view) => !this.finished.has(view.assignment));
    const there = new Set(views.map((view) => view.assignment));
    this.tell("progress", body.progress);
    this.lose([...before].filter((assignment) => !there.has(assignment)));
    for (const view of views) this.hold(view);
    this.mend();
    this.turn(body.state, body.message, body.url);
    if (body.state === "waiting" || (body.state === "open" && !this.held.length)) return (body.retry_seconds || 3) * 1000;
    return this.beat;
  }

  turn(state, message = "", door = "") {
    Object.assign(this, { state, message, door });
    this.tell("state");
  }

  // -- fetching ahead -------------------------------------------------------------------------------------
  hold(view) {
    if (this.held.some((one) => one.view.assignment === view.assignment)) return;
    const one = { view, prepared: null, failed: false };
    this.held.push(one);
    this.load(one);
  }

  async load(one) {
    one.failed = false;
    const prepared = await this.prepare(one.view).catch(() => null);
    if (!this.held.includes(one)) {
      if (prepared) this.release(prepared);
      return;
    }
    Object.assign(one, { prepared, failed: prepared === null });
    this.tell("ready", { one });
  }

  // What could not be fetched ahead is fetched again now that the server answers; the shown item is the page's own.
  mend() {
    for (const one of this.held.slice(1)) if (one.prepared?.failures?.length && !one.isMending) this.mendOne(one);
  }

  async mendOne(one) {
    one.isMending = true;
    const fresh = await this.prepare(one.view);
    one.isMending = false;
    if (this.held.indexOf(one) > 0) this.replace(one.view, fresh, true);
    else this.release(fresh);
  }

  replace(view, prepared, isOldReleased = false) {
    const one = this.held.find((other) => other.view === view);
    if (!one) return;
    if (isOldReleased && one.prepared) this.release(one.prepared);
    one.prepared = prepared;
  }

  lose(assignments) {
    for (const assignment of assignments) {
      const one = this.held.find((other) => other.view.assignment === assignment);
      if (one) this.tell("lost", { one });
    }
  }

  // The page has let go of a lost item.
  drop(one) {
    this.held = this.held.filter((other) => other !== one);
    if (one.prepared) this.release(one.prepared);
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
