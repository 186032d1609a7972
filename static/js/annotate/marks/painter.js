// Marks as they are seen: outlines and numbers over pictures, bars over videos, underlines in texts. Lines and numbers
// keep their size at any zoom. A mark is told from the next by its number, an error type by its dashes and colour.

import { boundsOf, cornersOf } from "./shapes.js";
import { svg } from "./svg.js";
import { TextPainter } from "./text_painter.js";

export const TONES = 6; // colours in marks.css; each type after the sixth begins them anew
const BADGE = 18; // CSS pixels: the height of a number's ground
const POINT = 8; // CSS pixels: the radius of a point
const BAR = 14; // CSS pixels: an interval's bar at the foot of a video
const CROSS = 22; // CSS pixels: half the length of the cross that keys move

export class Painter {
  constructor({ question, places, book }) {
    Object.assign(this, { question, places, book, texts: new TextPainter(question.key), isResting: false });
  }

  // `draft` {pane, shape, points} or null; `cross` {pane, point} or null; `caret` {text, span} or null.
  paint({ draft, cross, caret }) {
    if (!this.places.isShown) return;
    for (const pane of this.places.scene.panes) if (pane.at) this.paintPane(pane, { draft, cross });
    const spans = this.numbered.filter(({ mark }) => mark.shape === "span");
    for (const text of this.places.texts) {
      const own = spans.filter(({ mark }) => this.places.textOf(mark) === text);
      this.texts.paint(text, own, caret?.text === text ? caret.span : null);
    }
  }

  get numbered() {
    return this.book.marks.map((mark, index) => ({ mark, number: index + 1, tone: this.toneOf(mark), isSelected: !this.isResting && index === this.book.selected }));
  }

  // Which colour and dashes; a mark without a type has those of none.
  toneOf({ error }) {
    const place = this.question.errors.indexOf(error);
    return place < 0 ? "none" : String(place % TONES);
  }

  // Takes everything of this question off the shown item.
  clear() {
    for (const pane of this.places.scene?.panes ?? []) for (const overlay of pane.overlays) this.layerOf(overlay)?.remove();
    for (const text of this.places.texts) this.texts.clear(text);
  }

  // -- over a picture or video --------------------------------------------------------------------
  layerOf(overlay) { return [...overlay.children].find((child) => child.dataset.question === this.question.key); }

  paintPane(pane, { draft, cross }) {
    const layer = this.layerOf(pane.overlay) ?? svg("g", { "data-question": this.question.key });
    layer.setAttribute("class", this.isResting ? "mark-layer is-resting" : "mark-layer");
    const own = this.numbered.filter(({ mark }) => this.places.isOn(mark, pane));
    layer.replaceChildren(
      ...own.filter(({ mark }) => mark.points).map((one) => this.drawn(one, pane)),
      ...this.bars(own.filter(({ mark }) => mark.shape === "interval"), pane),
      ...(draft?.pane === pane ? [this.outline({ ...draft, isOpen: draft.shape === "polygon" }, "mark-shape is-draft"), ...this.handles(draft, pane)] : []),
      ...(cross?.pane === pane ? [this.cross(cross.point, pane)] : []),
    );
    if (!layer.parentNode) pane.overlay.append(layer);
  }

  drawn({ mark, number, tone, isSelected }, pane) {
    const className = `mark-shape tone-${tone}${isSelected ? " is-selected" : ""}`;
    const { left, top } = boundsOf(mark);
    const beside = mark.shape === "point" ? POINT / pane.at.scale : 0; // a number on the point would hide it
    const parts = [this.outline(mark, "", pane), this.badge(number, pane, left + beside, top)];
    return svg("g", { class: className }, ...parts, ...(isSelected ? this.handles(mark, pane) : []));
  }

  // Twice: a dark line beneath a light one is seen on every picture.
  outline(mark, className = "", pane = mark.pane) {
    const line = (name) => outlineOf(mark, name, 1 / pane.at.scale);
    return svg("g", { class: className }, line("mark-halo"), line("mark-line"));
  }

  handles(mark, pane) {
    if (mark.shape === "point") return [];
    const radius = 5 / pane.at.scale;
    return cornersOf(mark).map(([x, y]) => svg("circle", { class: "mark-handle", cx: x, cy: y, r: radius }));
  }

  // The number stands above the corner, or within where there is no room above.
  badge(number, pane, x, y) {
    const { scale, y: top } = pane.at;
    const isAbove = top + y * scale >= BADGE;
    return numberAt(number, x, y - (isAbove ? BADGE / scale : 0), 1 / scale);
  }

  cross([x, y], pane) {
    const unit = 1 / pane.at.scale;
    const reach = CROSS * unit;
    const path = `M${x - reach} ${y}H${x + reach}M${x} ${y - reach}V${y + reach}`;
    return svg("g", { class: "mark-cross" }, svg("path", { class: "mark-halo", d: path }), svg("path", { class: "mark-line", d: path }));
  }

  // Intervals along the foot of the cell, whose width is the video's length.
  bars(own, pane) {
    if (!own.length) return [];
    const { scale, x, y } = pane.at;
    const unit = 1 / scale;
    const foot = { left: -x * unit, top: (pane.cell.height - y - BAR) * unit, width: pane.cell.width * unit };
    const length = pane.medium.spec.duration_us;
    return own.map(({ mark, number, tone, isSelected }) => {
      const left = foot.left + (foot.width * mark.start) / length;
      const width = Math.max((foot.width * (mark.end - mark.start)) / length, 2 * unit);
      const bar = svg("rect", { class: "mark-bar", x: left, y: foot.top, width, height: BAR * unit });
      return svg("g", { class: `mark-shape tone-${tone}${isSelected ? " is-selected" : ""}` }, bar, numberAt(number, left, foot.top - (BADGE - BAR) * unit, unit));
    });
  }
}

function outlineOf({ shape, points, isOpen }, className, unit) {
  if (shape === "point") return svg("circle", { class: className, cx: points[0][0], cy: points[0][1], r: POINT * unit });
  if (shape === "polygon") return svg(isOpen ? "polyline" : "polygon", { class: className, points: points.map((point) => point.join(",")).join(" ") });
  const [[left, top], [right, bottom]] = points;
  return svg("rect", { class: className, x: left, y: top, width: right - left, height: bottom - top });
}

function numberAt(number, x, y, unit) {
  const width = 10 + 7 * String(number).length;
  return svg("g", { class: "mark-badge", transform: `translate(${x} ${y}) scale(${unit})` },
    svg("rect", { width, height: BADGE, rx: 4 }), svg("text", { x: width / 2, y: 13, "text-anchor": "middle" }, String(number)));
}
