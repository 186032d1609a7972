// Where a medium stands in its cell, and back. Plain numbers: nothing here knows the page.
//
// Words: a *cell* is the box a pane shows its medium in, in CSS pixels. The *frame* is the cell at fit; a point of
// the frame is given as shares (u, v) of its width and height, 0 to 1. A *view* is {zoom, u, v}: how much larger than
// at fit, and which point of the frame stands in the middle of the cell. All panes of an item share one view, so a
// place looked at closely in one is looked at in all, whatever the pixel sizes of the media.

export const FIT = Object.freeze({ zoom: 1, u: 0.5, v: 0.5 });
const MOST_DEVICE_PIXELS = 32; // to one pixel of the medium: beyond it nothing more can be seen

// How a medium fits its cell: the whole of it, as large as possible, in the middle.
export function fit(medium, cell) {
  const scale = Math.min(cell.width / medium.width, cell.height / medium.height);
  return {
    scale,
    x: (cell.width - medium.width * scale) / 2,
    y: (cell.height - medium.height * scale) / 2,
  };
}

// The shares of the frame that media cover at fit, together.
export function covered(media, cell) {
  const boxes = media.map((medium) => ({ ...fit(medium, cell), medium }));
  const share = (pick, length) => boxes.map((box) => pick(box) / length);
  return {
    left: Math.min(...share((box) => box.x, cell.width)),
    right: Math.max(...share((box) => box.x + box.medium.width * box.scale, cell.width)),
    top: Math.min(...share((box) => box.y, cell.height)),
    bottom: Math.max(...share((box) => box.y + box.medium.height * box.scale, cell.height)),
  };
}

// The zoom at which one pixel of the largest medium is one pixel of the screen.
export function actualZoom(media, cell, devicePixels) {
  return 1 / (devicePixels * Math.min(...media.map((medium) => fit(medium, cell).scale)));
}

export function limits(media, cell, devicePixels) {
  const actual = actualZoom(media, cell, devicePixels);
  return { least: Math.min(1, actual), most: Math.max(1, actual * MOST_DEVICE_PIXELS) };
}

// Keeps the middle where no edge of the media moves into the cell; a side that fits stays centred.
export function held(view, cover, { least, most }) {
  const zoom = Math.min(Math.max(view.zoom, least), most);
  return {
    zoom,
    u: heldAlong(view.u, cover.left, cover.right, zoom),
    v: heldAlong(view.v, cover.top, cover.bottom, zoom),
  };
}

function heldAlong(middle, low, high, zoom) {
  const half = 0.5 / zoom;
  if (high - low <= 2 * half) return (low + high) / 2;
  return Math.min(Math.max(middle, low + half), high - half);
}

// The view zoomed by a factor so that the point of the cell at (x, y) keeps its place.
export function zoomedAt(view, factor, point, cell) {
  const stays = {
    u: view.u + (point.x / cell.width - 0.5) / view.zoom,
    v: view.v + (point.y / cell.height - 0.5) / view.zoom,
  };
  const zoom = view.zoom * factor;
  return {
    zoom,
    u: stays.u - (point.x / cell.width - 0.5) / zoom,
    v: stays.v - (point.y / cell.height - 0.5) / zoom,
  };
}

export function moved(view, dx, dy, cell) {
  return { ...view, u: view.u - dx / (cell.width * view.zoom), v: view.v - dy / (cell.height * view.zoom) };
}

// Where the medium's own (0, 0) stands in the cell and how many CSS pixels one of its pixels takes. The corner is put
// on a pixel of the screen, so that at 100 % every pixel of the medium is exactly one of the screen's.
export function placed(medium, cell, view, devicePixels) {
  const at = fit(medium, cell);
  const snap = (value) => Math.round(value * devicePixels) / devicePixels;
  return {
    scale: at.scale * view.zoom,
    x: snap(cell.width / 2 + (at.x - view.u * cell.width) * view.zoom),
    y: snap(cell.height / 2 + (at.y - view.v * cell.height) * view.zoom),
  };
}
