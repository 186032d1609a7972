// The small caps beside what they press. They follow the keys that somebody changes.

import { make } from "./dom.js";
import { say } from "./words.js";

export function hint(id) { return make("kbd", { class: "judge-key js-hint", "aria-hidden": "true", data: { action: id } }); }

export function fillHints(keys, within = document) {
  for (const element of within.querySelectorAll(".js-hint")) {
    const { action } = element.dataset;
    element.textContent = keys.signOf(action);
    element.hidden = !element.textContent;
    element.closest("button")?.setAttribute("aria-keyshortcuts", keys.shortcutsOf(action));
  }
}

export function placeName(place, count) {
  if (count === 2) return say(place === 0 ? "place_left" : "place_right");
  return say("place_number", { number: place + 1 });
}
