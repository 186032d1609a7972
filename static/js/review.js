// Reviewing by keyboard: A accepts, R writes the note, Ctrl+Enter in the note returns the answer, N goes on.

import { onKeys } from "./keys.js";

const form = document.querySelector(".js-review");
const note = form?.querySelector("textarea");
let isSent = false;

function click(selector) {
  const target = document.querySelector(selector);
  if (!target || isSent) return false;
  target.click();
  return true;
}

onKeys({
  a: () => click(".js-accept"),
  n: () => click(".js-next"),
  r: () => {
    if (!note) return false;
    note.focus();
    return true;
  },
});

note?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    click(".js-return");
  }
  if (event.key === "Escape") note.blur();
});

// A key held down must not decide the next answer too.
form?.addEventListener("submit", (event) => {
  if (isSent) event.preventDefault();
  isSent = true;
});

if (note && note.getAttribute("aria-invalid") === "true") note.focus();
