// Through the looks of a judge by keyboard; everything is a link as well.

import { onKeys } from "./keys.js";

function follow(selector) {
  const link = document.querySelector(selector);
  if (!link) return false;
  link.click();
  return true;
}

// The arrows belong to a player that has the focus.
const unlessPlaying = (selector) => (event) => event.target.tagName !== "VIDEO" && follow(selector);

onKeys({
  ArrowLeft: unlessPlaying(".js-before"),
  k: unlessPlaying(".js-before"),
  ArrowRight: unlessPlaying(".js-after"),
  j: unlessPlaying(".js-after"),
  Escape: () => follow(".js-up"),
});
