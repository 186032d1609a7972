// On a touch screen: a quick swipe towards a side chooses it. What was chosen stands beside Undo.

const FAR = 70; // CSS pixels
const QUICK = 700; // milliseconds
const STRAIGHT = 1.7; // times further along than across

// `isFree(event)`: whether a drag means nothing else here; `swiped({x, y})`: -1, 0 or 1 each.
export function followSwipes(root, { isFree, swiped }) {
  let start = null;
  const fingers = new Set();

  root.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.add(event.pointerId);
    start = fingers.size === 1 && isFree(event) ? { x: event.clientX, y: event.clientY, at: event.timeStamp } : null;
  });
  root.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const way = start && wayOf(start, event);
    start = null;
    if (way && isFree(event)) swiped(way);
  });
  root.addEventListener("pointercancel", (event) => {
    fingers.delete(event.pointerId);
    start = null;
  });
}

function wayOf(start, event) {
  const [x, y] = [event.clientX - start.x, event.clientY - start.y];
  if (event.timeStamp - start.at > QUICK || Math.max(Math.abs(x), Math.abs(y)) < FAR) return null;
  if (Math.abs(x) > Math.abs(y) * STRAIGHT) return { x: Math.sign(x), y: 0 };
  return Math.abs(y) > Math.abs(x) * STRAIGHT ? { x: 0, y: Math.sign(y) } : null;
}
