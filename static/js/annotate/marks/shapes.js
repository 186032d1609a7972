// Points, boxes and polygons as plain numbers: pixels of the rendition, [x, y] from its upper left corner, floats.
//
// A box is its upper left and lower right corner; a polygon its corners in order, at least three. Nothing here changes
// what it is given.

export const PICTURE_SHAPES = ["point", "box", "polygon"];
const DECIMALS = 100; // a hundredth of a pixel is finer than any hand

export function clamped([x, y], { width, height }) {
  return [tidy(Math.min(Math.max(x, 0), width)), tidy(Math.min(Math.max(y, 0), height))];
}

function tidy(value) { return Math.round(value * DECIMALS) / DECIMALS; }

export function boxOf([x1, y1], [x2, y2]) {
  return [[Math.min(x1, x2), Math.min(y1, y2)], [Math.max(x1, x2), Math.max(y1, y2)]];
}

// A box without width or height marks nothing; a polygon needs an inside.
export function isDrawn(shape, points) {
  if (shape === "box") return points[0][0] !== points[1][0] && points[0][1] !== points[1][1];
  return shape === "point" || points.length >= 3;
}

export function cornersOf({ shape, points }) {
  if (shape !== "box") return points;
  const [[left, top], [right, bottom]] = points;
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

// The points with corner `index` (as counted by `cornersOf`) somewhere else. A box stays a box: the opposite corner stays.
export function withCorner(mark, index, to) {
  if (mark.shape === "box") return boxOf(cornersOf(mark)[(index + 2) % 4], to);
  return mark.points.map((point, place) => (place === index ? to : point));
}

// The points moved as one, no further than the edge of the medium.
export function shifted({ points }, dx, dy, { width, height }) {
  const by = (delta, axis, most) => {
    const along = points.map((point) => point[axis]);
    return Math.min(Math.max(delta, -Math.min(...along)), most - Math.max(...along));
  };
  const [x, y] = [by(dx, 0, width), by(dy, 1, height)];
  return points.map((point) => [tidy(point[0] + x), tidy(point[1] + y)]);
}

export function boundsOf({ points }) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

export function distance([x1, y1], [x2, y2]) { return Math.hypot(x1 - x2, y1 - y2); }

// From a point to the outline, or to the point itself.
export function outlineDistance(mark, point) {
  if (mark.shape === "point") return distance(mark.points[0], point);
  const corners = cornersOf(mark);
  return Math.min(...corners.map((corner, index) => segmentDistance(point, corner, corners[(index + 1) % corners.length])));
}

function segmentDistance([x, y], [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(Math.max(((x - x1) * dx + (y - y1) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

// Whether the point lies within: how often a ray to the right crosses the outline (even-odd rule).
export function contains(mark, [x, y]) {
  if (mark.shape === "point") return false;
  const corners = cornersOf(mark);
  return corners.reduce((isIn, [x1, y1], index) => {
    const [x2, y2] = corners[(index + 1) % corners.length];
    return (y1 > y) !== (y2 > y) && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1) ? !isIn : isIn;
  }, false);
}

export function areaOf(mark) {
  const { left, top, right, bottom } = boundsOf(mark);
  return (right - left) * (bottom - top);
}
