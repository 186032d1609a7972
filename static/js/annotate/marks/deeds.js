// The keys of marking, and those few that mean something only while something is under way.

import { say } from "../words.js";
import { PICTURE_SHAPES, boxOf } from "./shapes.js";

const KEYS = { point: "o", box: "r", polygon: "a", span: "e", interval: "t" };
const MOST_ERRORS = 9;

// `hand`: the Mark whose turn it is.
export function actionsOf(hand) {
  const { question, book } = hand;
  const action = (id, keys, run, isAvailable = () => true, more = {}) => ({ id: `mark.${id}`, keys, label: say(`mark_action_${id}`), run, isAvailable, ...more });
  const hasMark = () => book.mark !== null;
  return [
    ...question.shapes.map((shape) => ({ ...action(shape, [KEYS[shape]], () => takeOrCut(hand, shape), () => hand.places.can(shape)) })),
    ...question.errors.slice(0, MOST_ERRORS).map((error, index) => ({ id: `mark.error_${index + 1}`, keys: [String(index + 1)], label: say("mark_action_error", { error }), run: () => hand.mean(error) })),
    ...arrows(hand),
    action("text", ["c"], () => hand.list.writeIn(book.selected), hasMark),
    action("delete", ["Delete"], () => hand.remove(book.selected), hasMark),
    action("undo", ["Ctrl+z"], () => (hand.draft?.shape === "polygon" ? hand.dropCorner() : hand.go("undo"))),
    action("redo", ["Ctrl+Shift+z", "Ctrl+y"], () => hand.go("redo")),
    action("next", ["n"], () => hand.step(1)),
    action("previous", ["Shift+n"], () => hand.step(-1)),
    action("place", ["q"], () => hand.nextPlace(), () => hand.places.count > 1),
    action("other", ["u"], () => nextPicture(hand), () => hand.cross.isOn),
  ];
}

// Time is cut where the video stands: its key does it at once.
function takeOrCut(hand, shape) {
  if (shape === "interval") hand.cut();
  else hand.take(shape);
}

function arrows(hand) {
  const directions = { left: ["ArrowLeft", -1, 0], right: ["ArrowRight", 1, 0], up: ["ArrowUp", 0, -1], down: ["ArrowDown", 0, 1] };
  const isAvailable = () => hand.tool !== null && hand.tool !== "interval";
  return Object.entries(directions).flatMap(([name, [key, dx, dy]]) => [
    { id: `mark.${name}`, keys: [key], label: say(`mark_action_${name}`), repeats: true, isAvailable, run: () => move(hand, dx, dy, false) },
    { id: `mark.${name}_fine`, keys: [`Shift+${key}`], label: say(`mark_action_${name}_fine`), repeats: true, isAvailable, run: () => move(hand, dx, dy, true) },
  ]);
}

function move(hand, dx, dy, isShift) {
  if (hand.tool === "span") moveInText(hand, dx, dy, isShift);
  else moveOnPicture(hand, dx, dy, isShift);
  hand.paint();
}

function moveInText({ reader, places, hooks }, dx, dy, isStretching) {
  if (reader.isOn) reader.moveBy(dx, dy, isStretching);
  else reader.show(places.texts[0]);
  if (!reader.isOn) return;
  const { text, span } = reader;
  hooks.tell([...text.view.original].slice(span.start, span.end).join(""));
}

function moveOnPicture(hand, dx, dy, isFine) {
  const { cross, places, stage } = hand;
  if (stage.mode !== "pair") stage.setMode("pair");
  const first = places.panes.find((pane) => pane.place === hand.place) ?? places.panes[0];
  if (!first) return;
  if (cross.isOn) cross.moveBy(dx, dy, isFine);
  else cross.show(first);
  if (hand.draft?.shape === "box") hand.draft = { ...hand.draft, points: boxOf(hand.draft.from, cross.point) };
  sayCross(hand);
}

function sayCross({ cross, hooks }) {
  const [x, y] = cross.point.map(Math.round);
  hooks.tell(say("mark_cross", { name: cross.pane.name, x, y }));
}

function nextPicture(hand) {
  hand.cross.next();
  if (!hand.cross.pane.isInput) hand.turnTo(hand.cross.pane.place);
  sayCross(hand);
  hand.paint();
}

// -- Enter, Escape, Backspace -----------------------------------------------------------------------
// They belong to the page, except while a cross, a word or a drawing is under way: so they are caught before it.
export function takeKeys(hand) {
  document.addEventListener("keydown", (event) => {
    const run = hand.isEntered && isFree(event) ? deedOf(hand, event) : null;
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }, { capture: true });
}

function isFree({ target, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || document.querySelector("dialog[open]")) return false;
  return !target.closest?.("button, a, summary, input, textarea, select");
}

function deedOf(hand, { key }) {
  if (key === "Enter") return enterOf(hand);
  if (key === "Escape") return escapeOf(hand);
  return key === "Backspace" && hand.draft?.shape === "polygon" ? () => hand.dropCorner() : null;
}

function enterOf(hand) {
  const { cross, reader, tool } = hand;
  if (tool === "span") return reader.isOn ? () => hand.toggleSpan(reader.text, reader.span) : null;
  if (cross.isOn && PICTURE_SHAPES.includes(tool)) return () => markAtCross(hand);
  return hand.draft?.shape === "polygon" ? () => hand.finish() : null;
}

function markAtCross(hand) {
  const { cross: { pane, point }, tool, draft } = hand;
  if (tool === "point") hand.markOn(pane, "point", [point]);
  else if (tool === "polygon") hand.addCorner(pane, point, 0);
  else if (draft?.pane === pane) hand.finish();
  else hand.setDraft({ pane, shape: "box", from: point, points: [point, point] });
}

function escapeOf(hand) {
  if (hand.draft || hand.clip.isOpen || hand.cross.isOn || hand.reader.isOn) {
    return () => {
      if (hand.draft || hand.clip.isOpen) hand.stop();
      else hand.rest();
      hand.paint();
    };
  }
  return hand.book.mark ? () => hand.select(null) : null;
}
