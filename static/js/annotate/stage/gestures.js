// Wheel, drag, pinch, double click and tap on the panes, told to the stage.

const WHEEL = 0.0015; // zoom per pixel of the wheel, in natural logarithm: one notch is about 16 %
const LINE = 16; // CSS pixels in a wheel event that counts in lines
const TOUCHPAD = 8; // a pinch on a touchpad arrives as a wheel with Ctrl, in steps about this much smaller
const STILL = 6; // CSS pixels a finger may move in a tap
const TAP_MS = 600;
const MIDDLE = 1; // the mouse button that always moves the picture, also while somebody draws

export function followPointers(stage) {
  const hand = new Hand(stage);
  const { root } = stage;
  root.addEventListener("wheel", (event) => hand.wheel(event), { passive: false });
  root.addEventListener("pointerdown", (event) => hand.down(event));
  root.addEventListener("pointermove", (event) => hand.move(event));
  root.addEventListener("pointerup", (event) => hand.up(event));
  root.addEventListener("pointercancel", (event) => hand.leave(event));
  root.addEventListener("dblclick", (event) => hand.doubleClick(event));
  root.addEventListener("keydown", (event) => hand.enter(event));
}

class Hand {
  constructor(stage) {
    this.stage = stage;
    this.fingers = new Map(); // pointerId -> {x, y}
    this.pane = null;
    this.dragsDivider = false;
    this.travelled = 0; // CSS pixels since the first finger came down
    this.most = 0; // fingers down at once since then
    this.since = 0;
  }

  paneOf({ target }) {
    const view = target.closest?.(".canvas-view");
    return view ? this.stage.panes.find((pane) => pane.view === view) : null;
  }

  pointIn(pane, { clientX, clientY }) {
    const box = pane.view.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }

  wheel(event) {
    const pane = this.paneOf(event);
    if (!pane) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? LINE : 1);
    this.stage.zoomBy(Math.exp(-pixels * WHEEL * (event.ctrlKey ? TOUCHPAD : 1)), this.pointIn(pane, event));
  }

  doubleClick(event) {
    const pane = this.paneOf(event);
    if (!pane || this.stage.tool === "draw") return;
    if (this.stage.isFit) this.stage.actual(this.pointIn(pane, event));
    else this.stage.fit();
  }

  // Enter on a pane that has the focus picks it, as a tap does.
  enter(event) {
    if (event.key !== "Enter" || event.defaultPrevented) return;
    const pane = this.stage.panes.find(({ element }) => element === event.target);
    if (!pane || pane.isInput) return;
    event.preventDefault();
    this.stage.onPick(pane.place, event);
  }

  down(event) {
    const divider = event.target.closest?.(".canvas-divider");
    const pane = divider ? this.stage.modes.couple[0] : this.paneOf(event);
    if (!pane || event.button > MIDDLE) return;
    if (event.button === MIDDLE) event.preventDefault(); // or the browser scrolls by itself
    if (!this.fingers.size) this.begin(pane, Boolean(divider));
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, isMiddle: event.button === MIDDLE });
    this.most = Math.max(this.most, this.fingers.size);
    this.stage.scene.attend(pane);
  }

  begin(pane, onDivider) {
    const { mode, isFit } = this.stage;
    // Nothing to move at fit, so a drag anywhere in a wipe means its edge.
    const dragsDivider = onDivider || (mode === "wipe" && isFit);
    Object.assign(this, { pane, dragsDivider, travelled: 0, most: 0, since: performance.now() });
  }

  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { ...before, x: event.clientX, y: event.clientY };
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    this.hold(event);
    this.fingers.set(event.pointerId, now);
    if (this.fingers.size > 1) this.pinch(event.pointerId, before, now);
    else if (this.dragsDivider) this.moveDivider(event);
    else if (this.stage.tool === "hand" || before.isMiddle) this.stage.moveBy(now.x - before.x, now.y - before.y);
  }

  // Captured only once it moves: captured on the way down, every click would be one on the stage.
  hold({ pointerId }) {
    const { root } = this.stage;
    if (this.travelled > STILL && !root.hasPointerCapture(pointerId)) root.setPointerCapture(pointerId);
  }

  moveDivider(event) {
    this.stage.modes.wipeTo(this.pointIn(this.pane, event).x / this.pane.cell.width);
  }

  pinch(id, before, now) {
    const [, other] = [...this.fingers].find(([key]) => key !== id);
    const span = (finger) => Math.hypot(finger.x - other.x, finger.y - other.y);
    const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
    this.stage.moveBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (span(before) > 0) this.stage.zoomBy(span(now) / span(before), this.pointIn(this.pane, middle));
  }

  up(event) {
    const isTap = this.fingers.has(event.pointerId) && this.most === 1 && this.travelled <= STILL
      && event.button === 0 && performance.now() - this.since < TAP_MS;
    this.leave(event);
    if (isTap && !this.pane.isInput && this.stage.tool === "hand") this.stage.onPick(this.pane.place, event);
  }

  leave(event) { this.fingers.delete(event.pointerId); }
}
