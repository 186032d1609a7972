// Which key does what: defaults, a person's own choice, and no two meanings at the same time.
//
// An action is {id, label, keys, run(event), isAvailable?()}. Actions are registered under a scope; those of "page" and
// "stage" are always alive, the others only while their question is. Two actions that can be alive at the same time
// never share a key: an earlier registration keeps it, a later one takes its next choice, or a free letter.

import { say } from "./words.js";

const KEPT = "pairwright-keys";
const ALWAYS = ["page", "stage"];
const SPARE = "qwertyuiopasdfghjklzxcvbnm".split("");
// The browser's and the assistive tools' own; whoever takes them away locks somebody in.
const RESERVED = new Set(["Tab", "Shift+Tab", "Escape", "F1", "F5", "F6", "F11", "F12", "ContextMenu", "CapsLock"]);
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "Dead", "Process", "Unidentified"]);
const SIGNS = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Enter: "↵", Backspace: "⌫", Delete: "⌦", " ": "␣",
  Shift: "⇧",
};

export function nameOf(event) { return withModifiers(event, plain(event)); }

function plain(event) {
  return /^[a-zA-Z]$/.test(event.key) ? event.key.toLowerCase() : event.key;
}

// By the place on the keyboard, for alphabets and layouts in which the letter or digit is another: я is where z is.
function placeOf(event) {
  const found = /^(?:Key|Digit)(.)$/.exec(event.code ?? "");
  return found ? withModifiers(event, found[1].toLowerCase()) : null;
}

function withModifiers(event, key) {
  // A sign that Shift makes is its own name; letters and named keys say that Shift was held.
  const isSign = key.length === 1 && !/[a-z]/.test(key) && key !== " ";
  const held = [event.ctrlKey || event.metaKey ? "Ctrl" : "", event.altKey ? "Alt" : "", event.shiftKey && !isSign ? "Shift" : ""];
  return [...held.filter(Boolean), key].join("+");
}

export function signOf(key) {
  const parts = key === "+" ? ["+"] : key.split("+").map((part) => part || "+");
  return parts.map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

export class Keys {
  constructor() {
    this.actions = []; // {scope, action}
    this.own = kept();
    this.alive = new Set(ALWAYS);
    this.table = new Map(); // "scope/key" -> action
    this.bound = new Map(); // action id -> keys
  }

  register(scope, actions) {
    for (const action of actions) {
      if (!this.actions.some((known) => known.scope === scope && known.action.id === action.id)) this.actions.push({ scope, action });
    }
    this.settle();
  }

  settle() {
    this.table.clear();
    this.bound.clear();
    for (const { scope, action } of this.actions) if (this.own[action.id]) this.bind(scope, action, [this.own[action.id]]);
    for (const { scope, action } of this.actions) if (!this.bound.has(action.id)) this.bind(scope, action, this.freeOf(scope, action));
  }

  freeOf(scope, action) {
    const wanted = action.keys.filter((key) => !this.holder(scope, key));
    if (wanted.length) return wanted;
    const letters = SPARE.map((letter) => `Shift+${letter}`);
    const first = action.keys.filter((key) => /^[a-z]$/.test(key)).map((key) => `Shift+${key}`);
    return [...first, ...letters].filter((key) => !this.holder(scope, key)).slice(0, 1);
  }

  bind(scope, action, keys) {
    this.bound.set(action.id, keys);
    for (const key of keys) this.table.set(`${scope}/${key}`, action);
  }

  // Whoever has this key where `scope` is alive.
  holder(scope, key) {
    const scopes = new Set(this.actions.map((known) => known.scope));
    for (const other of scopes) {
      if (other !== scope && !ALWAYS.includes(other) && !ALWAYS.includes(scope)) continue;
      const action = this.table.get(`${other}/${key}`);
      if (action) return action;
    }
    return null;
  }

  // Only these question scopes answer to keys from now on, beside the page and the stage.
  wake(...scopes) { this.alive = new Set([...scopes, ...ALWAYS]); }

  keysOf(id) { return this.bound.get(id) ?? []; }

  signOf(id) {
    const [first] = this.keysOf(id);
    return first ? signOf(first) : "";
  }

  // For aria-keyshortcuts, which has its own spelling.
  shortcutsOf(id) { return this.keysOf(id).map((key) => key.replace("Ctrl", "Control")).join(" "); }

  // Returns null, or why not in words.
  change(id, key) {
    const { scope, action } = this.actions.find((known) => known.action.id === id);
    if (RESERVED.has(key)) return say("key_reserved", { key: signOf(key) });
    const other = this.holder(scope, key);
    if (other && other.id !== id) return say("key_taken", { key: signOf(key), action: other.label });
    this.own[action.id] = key;
    this.keep();
    return null;
  }

  reset() {
    this.own = {};
    this.keep();
  }

  keep() {
    try { localStorage.setItem(KEPT, JSON.stringify(this.own)); } catch { /* storage is shut: the choice lasts for this page */ }
    this.settle();
  }

  find(event) {
    for (const key of [nameOf(event), placeOf(event)]) {
      for (const scope of this.alive) {
        const action = key && this.table.get(`${scope}/${key}`);
        if (action && (action.isAvailable?.() ?? true)) return action;
      }
    }
    return null;
  }

  listen() {
    document.addEventListener("keydown", (event) => {
      if (MODIFIERS.has(event.key) || document.querySelector("dialog[open]")) return;
      const action = this.find(event);
      if (!action || belongsToTarget(event, action)) return;
      event.preventDefault();
      if (!event.repeat || action.repeats) action.run(event);
    });
  }
}

// Typing stays typing, and Enter or Space on a focused button press that button.
function belongsToTarget(event, action) {
  const { target } = event;
  if (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return !action.inFields;
  const isPress = ["Enter", " "].includes(event.key) && !event.ctrlKey && !event.metaKey;
  return isPress && target.closest("button, a, summary") !== null;
}

export function isPlainKey(event) { return !MODIFIERS.has(event.key); }

function kept() {
  try { return JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { return {}; }
}
