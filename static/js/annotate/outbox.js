// What was said and not yet acknowledged. Each answer is written to this browser's storage in the same breath as the
// key press, before anything else happens: a tab that closes a millisecond later has kept it. The server stores an
// answer once per client key, so sending again is always safe, from this tab, a reloaded one or another.
//
// An entry: {key, person, kind, url, batch, assignment, body, after, at, tab, title, said, refused}; `after` is the key
// of an unsent answer that this one changes, `refused` is {status, error} once the server said no.

import { uuid } from "./identity.js";
import { NetworkAway, post } from "./server.js";

const PREFIX = "pairwright-outbox/";
const TAB = "pairwright-tab";
const FIRST_WAIT = 1000; // milliseconds, doubled up to
const LONGEST_WAIT = 30_000;
const ANOTHER_TABS = 5000; // milliseconds another tab has to send what is its own
const STORED = 200;
const REFUSED = new Set([400, 403, 404, 409, 410, 413, 422]);
const SIGNED_OUT = 401;

export class Outbox extends EventTarget {
  constructor({ person, storage = storageOrNull(), send = post }) {
    super();
    Object.assign(this, { person, storage, send });
    this.tab = nameOfTab();
    this.unkept = new Map(); // key -> entry: what the storage would not take
    this.answers = new Map(); // client key -> id of the stored answer
    this.wait = FIRST_WAIT;
    this.isSending = false;
    this.network = "here"; // or "away", "signed-out"
    addEventListener("online", () => this.flush());
    addEventListener("storage", (event) => { if (event.key?.startsWith(PREFIX)) this.tell("change"); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.flush(); });
    addEventListener("beforeunload", (event) => { if (this.unkept.size) event.preventDefault(); });
  }

  // -- what lies here -----------------------------------------------------------------------------
  get entries() {
    const kept = this.storage ? keysOf(this.storage).map((key) => parsed(this.storage.getItem(key))) : [];
    const all = [...kept.filter(Boolean), ...this.unkept.values()];
    return all.filter((entry) => entry.person === this.person).sort((one, other) => one.at - other.at);
  }

  get pending() { return this.entries.filter((entry) => !entry.refused); }
  get refused() { return this.entries.filter((entry) => entry.refused); }
  get isKeptSafely() { return this.unkept.size === 0; }

  add(entry) {
    this.write({ ...entry, person: this.person, tab: this.tab, at: Date.now(), refused: null });
    this.tell("change");
  }

  dismiss(key) {
    this.remove(key);
    this.tell("change");
  }

  write(entry) {
    try {
      this.storage.setItem(PREFIX + entry.key, JSON.stringify(entry));
      this.unkept.delete(entry.key);
    } catch {
      this.unkept.set(entry.key, entry); // private window or full storage: kept while the tab lives, and said so
    }
  }

  remove(key) {
    this.storage?.removeItem(PREFIX + key);
    this.unkept.delete(key);
  }

  // -- sending --------------------------------------------------------------------------------------
  async flush() {
    if (this.isSending) {
      this.isAskedAgain = true;
      return;
    }
    this.isSending = true;
    clearTimeout(this.timer);
    const went = await this.sendAll();
    this.isSending = false;
    if (this.isAskedAgain && went) {
      this.isAskedAgain = false;
      this.flush();
      return;
    }
    this.isAskedAgain = false;
    if (this.pending.length) this.timer = setTimeout(() => this.flush(), this.nextWait());
  }

  nextWait() {
    const wait = this.wait * (0.75 + Math.random() / 2); // a whole office does not come back in the same instant
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return wait;
  }

  // Oldest first; a change waits for the answer it changes. Returns whether the network carried it all.
  async sendAll() {
    for (const entry of this.pending) {
      if (!this.isOurs(entry) || this.waitsForAnother(entry)) continue;
      try {
        await this.sendOne(entry);
      } catch (error) {
        if (!(error instanceof NetworkAway)) throw error;
        this.setNetwork("away");
        return false;
      }
      if (this.network === "signed-out") return false;
    }
    return true;
  }

  isOurs(entry) { return entry.tab === this.tab || Date.now() - entry.at > ANOTHER_TABS; }

  waitsForAnother(entry) {
    return entry.after !== null && this.pending.some((other) => other.key === entry.after);
  }

  async sendOne(entry) {
    const known = this.answers.get(entry.after);
    const body = known ? { ...entry.body, revises: known } : entry.body;
    const { status, body: said } = await this.send(entry.url, body);
    if (status === SIGNED_OUT) {
      this.setNetwork("signed-out");
      return;
    }
    this.setNetwork("here");
    this.wait = FIRST_WAIT;
    if (status === STORED) this.settle(entry, said);
    else if (REFUSED.has(status)) this.refuse(entry, status, said);
  }

  settle(entry, said) {
    this.answers.set(entry.key, said.answer ?? null);
    for (const other of this.pending) {
      // Written down: a reload must still know what it changes.
      if (other.after === entry.key) this.write({ ...other, body: { ...other.body, revises: said.answer } });
    }
    this.remove(entry.key);
    this.tell("stored", { entry, said });
    this.tell("change");
  }

  refuse(entry, status, said) {
    this.write({ ...entry, refused: { status, error: said.error ?? "" } });
    this.tell("refused", { entry, status, error: said.error ?? "" });
    this.tell("change");
  }

  setNetwork(state) {
    if (this.network === state) return;
    this.network = state;
    this.tell("network", { state });
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

function keysOf(storage) {
  return Array.from({ length: storage.length }, (_, place) => storage.key(place)).filter((key) => key?.startsWith(PREFIX));
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

// The same after a reload, so that what was kept is sent at once.
function nameOfTab() {
  const fresh = uuid();
  try {
    const known = sessionStorage.getItem(TAB);
    if (!known) sessionStorage.setItem(TAB, fresh);
    return known ?? fresh;
  } catch {
    return fresh;
  }
}

function storageOrNull() {
  try {
    localStorage.setItem("pairwright-probe", "1");
    localStorage.removeItem("pairwright-probe");
    return localStorage;
  } catch {
    return null;
  }
}
