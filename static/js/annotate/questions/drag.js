// Dragging a chip with mouse or finger onto a tier (a tie), between two (a rank of its own), or out (no rank).

const STILL = 6; // CSS pixels: less is a press
const EDGE = 0.3; // the outer shares of a tier's width mean "beside it"

// `drop(place, {pool, tier, isBetween})`.
export function followDrag(root, drop) {
  let chip = null;
  let from = null;
  let target = null;

  root.addEventListener("pointerdown", (event) => {
    chip = event.target.closest(".chip-rank");
    from = chip && { x: event.clientX, y: event.clientY, isDragged: false };
  });
  root.addEventListener("pointermove", (event) => {
    if (!chip || !from) return;
    const by = { x: event.clientX - from.x, y: event.clientY - from.y };
    if (!from.isDragged && Math.hypot(by.x, by.y) < STILL) return;
    if (!from.isDragged) begin(chip, event);
    from.isDragged = true;
    chip.style.translate = `${by.x}px ${by.y}px`;
    target = targetAt(root, event);
    show(root, target);
  });
  const end = (event) => {
    if (!chip) return;
    const { place } = chip.dataset;
    const wasDragged = from.isDragged;
    if (wasDragged) finish(root, chip);
    chip = null;
    if (wasDragged && event.type === "pointerup" && target) drop(Number(place), target);
    if (wasDragged) swallowClick(root);
    target = null;
  };
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
}

function begin(chip, event) {
  chip.setPointerCapture(event.pointerId);
  chip.classList.add("is-dragged");
}

function finish(root, chip) {
  chip.classList.remove("is-dragged");
  chip.style.translate = "";
  show(root, null);
}

// The click that ends a drag is no press of the chip.
function swallowClick(root) {
  const stop = (event) => event.stopPropagation();
  root.addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => root.removeEventListener("click", stop, { capture: true }), 0);
}

function targetAt(root, { clientX, clientY }) {
  const under = document.elementsFromPoint(clientX, clientY).find((one) => root.contains(one) && one.matches(".tier, .tier-pool"));
  if (!under) return null;
  if (under.dataset.pool) return { pool: true, element: under };
  const box = under.getBoundingClientRect();
  const share = (clientX - box.left) / box.width;
  const tier = Number(under.dataset.tier);
  if (under.classList.contains("tier-end")) return { tier, isBetween: true, element: under };
  if (share < EDGE) return { tier, isBetween: true, element: under, side: "before" };
  if (share > 1 - EDGE) return { tier: tier + 1, isBetween: true, element: under, side: "after" };
  return { tier, isBetween: false, element: under, side: "in" };
}

function show(root, target) {
  for (const old of root.querySelectorAll("[data-drop]")) delete old.dataset.drop;
  if (target) target.element.dataset.drop = target.side ?? "in";
}
