// Samples by keyboard: j and k or the arrows move, Enter looks closely, Escape comes back.

import { onKeys } from "./keys.js";
import { Lightbox } from "./lightbox.js";

const frames = [...document.querySelectorAll(".js-frame .frame[href]")];

function place() {
  const tile = document.activeElement?.closest(".js-frame");
  return tile ? frames.findIndex((frame) => tile.contains(frame)) : -1;
}

function go(to) {
  const frame = frames[Math.min(Math.max(to, 0), frames.length - 1)];
  frame?.focus();
  frame?.scrollIntoView({ block: "nearest" });
}

// The frame in the row above or below that stands most nearly over this one.
function goVertically(direction) {
  const here = frames[place()];
  if (!here) return false;
  const from = here.getBoundingClientRect();
  const beyond = frames.filter((frame) => {
    const top = frame.getBoundingClientRect().top;
    return direction > 0 ? top > from.top + 1 : top < from.top - 1;
  });
  if (!beyond.length) return false;
  const distance = (frame) => {
    const box = frame.getBoundingClientRect();
    return Math.abs(box.top - from.top) * 4 + Math.abs(box.left - from.left);
  };
  go(frames.indexOf(beyond.reduce((best, frame) => (distance(frame) < distance(best) ? frame : best))));
  return true;
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (!link) return false;
  link.click();
  return true;
}

const lightbox = new Lightbox(document.querySelector(".js-lightbox"), frames, go);

function unlessLooking(act) {
  return () => (lightbox.isOpen ? false : act());
}

onKeys({
  j: unlessLooking(() => go(place() + 1)),
  k: unlessLooking(() => go(place() - 1)),
  ArrowRight: unlessLooking(() => go(place() + 1)),
  ArrowLeft: unlessLooking(() => go(place() - 1)),
  ArrowDown: unlessLooking(() => goVertically(1)),
  ArrowUp: unlessLooking(() => goVertically(-1)),
  n: unlessLooking(() => follow(".js-next")),
  p: unlessLooking(() => follow(".js-previous")),
});
