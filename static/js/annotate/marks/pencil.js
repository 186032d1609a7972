// Drawing with mouse, pen or finger: what lies under it is taken hold of, where nothing lies something new begins.
//
// Two fingers zoom and move the picture as ever: the second one takes back what the first had begun.

import { areaOf, boundsOf, boxOf, clamped, contains, cornersOf, distance, outlineDistance, shifted, withCorner } from "./shapes.js";

const STILL = { mouse: 3, touch: 8 }; // CSS pixels: less is a tap
const REACH = { mouse: 7, touch: 16 }; // CSS pixels around a line that still take hold of it
const POINT = 8; // CSS pixels: the radius of a point as drawn
const BADGE = 10; // CSS pixels from the middle of a number

export class Pencil {
  constructor({ stage, places, book, hand }) {
    Object.assign(this, { stage, places, book, hand, fingers: new Set(), grip: null });
    const { root } = stage;
    root.addEventListener("pointerdown", (event) => this.down(event));
    root.addEventListener("pointermove", (event) => this.move(event));
    root.addEventListener("pointerup", (event) => this.up(event));
    root.addEventListener("pointercancel", (event) => this.leave(event));
  }

  down(event) {
    this.fingers.add(event.pointerId);
    if (this.fingers.size > 1) {
      this.letGo();
      return;
    }
    const pane = this.hand.isDrawing && event.button === 0 ? this.places.paneAt(event) : null;
    if (!pane) return;
    const kind = event.pointerType === "touch" ? "touch" : "mouse";
    const from = this.pointIn(pane, event);
    this.grip = { id: event.pointerId, pane, from, kind, client: [event.clientX, event.clientY], hasMoved: false, ...this.under(pane, from, kind) };
  }

  pointIn(pane, { clientX, clientY }) {
    const { x, y } = pane.toPixels(clientX, clientY);
    return clamped([x, y], pane.medium);
  }

  // What a press takes hold of: a corner of the selected mark, an outline, a number; or nothing: {index, corner, mark}.
  under(pane, point, kind) {
    const reach = REACH[kind] / pane.at.scale;
    const all = this.book.marks.map((mark, index) => ({ mark, index })).filter(({ mark }) => mark.points && this.places.isOn(mark, pane));
    const selected = all.find(({ index }) => index === this.book.selected);
    const corner = selected && selected.mark.shape !== "point" ? cornersOf(selected.mark).findIndex((one) => distance(one, point) <= reach) : -1;
    if (corner >= 0) return { ...selected, corner };
    const isHeld = ({ mark }) => outlineDistance(mark, point) <= reach + (mark.shape === "point" ? POINT / pane.at.scale : 0) || this.isOnNumber(mark, pane, point);
    return all.findLast(isHeld) ?? { index: null };
  }

  isOnNumber(mark, pane, point) {
    const { left, top } = boundsOf(mark);
    const { scale, y } = pane.at;
    const middle = [left + (BADGE + (mark.shape === "point" ? POINT : 0)) / scale, top + (y + top * scale >= 2 * BADGE ? -1 : 1) * (BADGE / scale)];
    return distance(middle, point) <= BADGE / scale;
  }

  move(event) {
    const { grip } = this;
    if (!grip || event.pointerId !== grip.id) return;
    grip.hasMoved ||= distance(grip.client, [event.clientX, event.clientY]) > STILL[grip.kind];
    if (!grip.hasMoved) return;
    const to = this.pointIn(grip.pane, event);
    if (grip.index !== null) this.drag(grip, to);
    else if (this.hand.tool === "box") this.hand.setDraft({ pane: grip.pane, shape: "box", points: boxOf(grip.from, to) });
  }

  drag({ index, mark, corner, from, pane }, to) {
    const points = corner === undefined ? shifted(mark, to[0] - from[0], to[1] - from[1], pane.medium) : withCorner(mark, corner, to);
    this.book.preview(index, { ...mark, points });
  }

  up(event) {
    const { grip } = this;
    this.fingers.delete(event.pointerId);
    if (!grip || event.pointerId !== grip.id) return;
    this.grip = null;
    this.book.settle();
    if (!grip.hasMoved) this.tap(grip);
    else if (grip.index === null && this.hand.tool === "box") this.hand.finish();
    else if (grip.index !== null) this.hand.say(grip.index);
  }

  tap(grip) {
    if (this.hand.draft?.shape === "polygon") this.hand.addCorner(grip.pane, grip.from, REACH[grip.kind] / grip.pane.at.scale);
    else if (grip.index !== null) this.hand.select(grip.index);
    else if (this.hand.tool === "point") this.hand.markOn(grip.pane, "point", [grip.from]);
    else if (this.hand.tool === "polygon") this.hand.addCorner(grip.pane, grip.from, 0);
    else this.hand.select(this.within(grip));
  }

  // The smallest mark around a tap.
  within({ pane, from }) {
    const around = this.book.marks.map((mark, index) => ({ mark, index }))
      .filter(({ mark }) => mark.points && this.places.isOn(mark, pane) && contains(mark, from));
    return around.sort((one, other) => areaOf(one.mark) - areaOf(other.mark))[0]?.index ?? null;
  }

  leave(event) {
    this.fingers.delete(event.pointerId);
    if (this.grip?.id === event.pointerId) this.letGo();
  }

  letGo() {
    if (!this.grip) return;
    this.grip = null;
    this.book.abandon();
    if (this.hand.draft?.shape === "box") this.hand.setDraft(null);
  }
}
