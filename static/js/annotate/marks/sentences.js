// A mark in words, for the list and for those who listen.

import { say } from "../words.js";
import { excerpt } from "./words.js";

const MOST = 40; // characters of a marked text

export class Sentences {
  constructor(places) { this.places = places; }

  // "Box, left: artifact"
  nameOf(mark) {
    const where = this.whereOf(mark);
    const shape = say(`mark_${mark.shape}`);
    return say("mark_name", { what: where ? say("mark_in", { shape, where }) : shape, error: mark.error || say("mark_no_error") });
  }

  whereOf(mark) {
    const name = this.places.nameOf(mark.place);
    if (mark.target === "prompt") return [say("mark_prompt"), name].filter(Boolean).join(", ");
    if (mark.target === "input") return [this.places.roleOf(mark), name].filter(Boolean).join(", ");
    const count = this.places.scene.samples[mark.place]?.media.length ?? 0;
    return [name, count > 1 && "media" in mark ? say("mark_picture", { number: mark.media + 1 }) : ""].filter(Boolean).join(", ");
  }

  // "10, 20 to 110, 220"
  placeOf(mark) {
    if (mark.shape === "span") return this.wordsOf(mark);
    if (mark.shape === "interval") return say("mark_seconds", { start: seconds(mark.start), end: seconds(mark.end) });
    if (mark.shape === "polygon") return say("mark_corners", { count: mark.points.length, at: pixels(mark.points[0]) });
    if (mark.shape === "point") return pixels(mark.points[0]);
    return say("mark_from_to", { from: pixels(mark.points[0]), to: pixels(mark.points[1]) });
  }

  wordsOf(mark) {
    const text = this.places.textOf(mark);
    const words = text ? excerpt(text.view.original, mark) : "";
    return say("mark_quote", { words: words.length > MOST ? `${words.slice(0, MOST)}…` : words });
  }
}

function seconds(micros) { return (micros / 1e6).toFixed(2); }

export function pixels([x, y]) { return `${Math.round(x)}, ${Math.round(y)}`; }
