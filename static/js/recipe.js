// The recipe editor: line numbers beside the text, mistakes that jump to their line, thresholds that move its numbers,
// and the funnel of the text as it stands.

import { history } from "./recipe_history.js";
import { thresholds } from "./recipe_thresholds.js";

const PAUSE = 700; // milliseconds without a change after which the funnel is asked for

const area = document.querySelector(".js-recipe-text");
const gutter = document.querySelector(".js-recipe-lines");

function wrongLines() {
  return new Set([...document.querySelectorAll("[data-line]")].map((finding) => Number(finding.dataset.line)));
}

function number() {
  const wrong = wrongLines();
  const count = area.value.split("\n").length;
  gutter.replaceChildren(...Array.from({ length: count }, (_, place) => {
    const item = document.createElement("li");
    item.textContent = String(place + 1);
    item.classList.toggle("is-wrong", wrong.has(place + 1));
    return item;
  }));
  gutter.scrollTop = area.scrollTop;
}

function goTo(line, column) {
  const before = area.value.split("\n").slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const place = before + column - 1;
  area.focus();
  area.setSelectionRange(place, place);
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max((line - 6) * height, 0);
}

// Tab indents by two spaces; after Escape it moves the focus on, so that nobody is caught in the field.
let leaving = false;
function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    document.querySelector(".js-preview").click();
  } else if (event.key === "Escape") {
    leaving = true;
  } else if (event.key === "Tab" && !event.shiftKey && !leaving) {
    event.preventDefault();
    area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  } else {
    leaving = false;
  }
}

// A slider stays where the keyboard is: each change waits a moment for the next before the funnel is asked for again.
function startChanges(preview) {
  let waiting = 0;
  function soon(after) {
    clearTimeout(waiting);
    waiting = setTimeout(() => window.htmx.trigger(preview, "recipe-changed"), after);
  }
  const past = history(area, () => { number(); soon(PAUSE); });
  area.addEventListener("input", () => { past.note(true); soon(PAUSE); });
  const paint = thresholds(area, preview, (isWritten) => {
    if (isWritten) { number(); past.note(false); }
    soon(isWritten ? 250 : 0);
  });
  document.body.addEventListener("htmx:afterSettle", paint);
}

if (area && gutter) {
  number();
  area.addEventListener("input", number);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  area.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const finding = event.target.closest("[data-line]");
    if (finding) goTo(Number(finding.dataset.line), Number(finding.dataset.column));
  });
  const preview = document.getElementById("preview");
  if (document.querySelector(".js-changes")) startChanges(preview);
  document.body.addEventListener("htmx:afterSwap", number);
}
