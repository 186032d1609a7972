// How many columns, and how large each cell: as large as the stage allows, all cells alike. Plain numbers.

const GAP = 8; // CSS pixels between cells
const STACK_WHEN = 1.2; // a pair stands one above the other only where that makes it this much larger
const LEAST_TEXT = 300; // CSS pixels: a column of text below it is no pleasure to read
const MOST_TEXT_COLUMNS = 4;

// Args: `count` cells in `box` {width, height} (CSS pixels), `aspects` the width over height of what they show
// (empty: text), `under` the pixels below each picture (thumbnails, words), `columns` a number to keep, or null.
// Returns {columns, rows, width, height, left, top}: the size of one cell and where the first stands; `gap` between.
export function arrange({ count, box, aspects, under = 0, columns = null }) {
  const tried = columns ? [columns] : columnsFor(count, box, aspects);
  const options = tried.map((number) => grid({ columns: number, count, box, aspects, under }));
  const best = options.reduce((one, other) => (other.area > one.area * (count === 2 ? STACK_WHEN : 1.02) ? other : one));
  return { ...best, gap: GAP };
}

function columnsFor(count, box, aspects) {
  if (aspects.length) return Array.from({ length: count }, (_, place) => count - place);
  const readable = Math.floor((box.width + GAP) / (LEAST_TEXT + GAP));
  const rows = Math.ceil(count / Math.min(Math.max(readable, 1), MOST_TEXT_COLUMNS));
  return [Math.ceil(count / rows)];
}

function grid({ columns, count, box, aspects, under }) {
  const rows = Math.ceil(count / columns);
  const room = {
    width: Math.floor((box.width - GAP * (columns - 1)) / columns),
    height: Math.floor((box.height - GAP * (rows - 1)) / rows),
  };
  const cell = aspects.length ? tight(room, aspects, under) : room;
  return {
    columns,
    rows,
    ...cell,
    area: shownArea(cell, aspects, under),
    left: Math.floor((box.width - columns * cell.width - GAP * (columns - 1)) / 2),
    top: Math.floor((box.height - rows * cell.height - GAP * (rows - 1)) / 2),
  };
}

// No wider and no higher than its widest and highest picture needs: a pair stands close together.
function tight(room, aspects, under) {
  const high = Math.max(room.height - under, 1);
  const width = Math.max(...aspects.map((aspect) => Math.min(room.width, high * aspect)));
  const height = Math.max(...aspects.map((aspect) => Math.min(high, room.width / aspect)));
  return { width: Math.max(Math.floor(width), 1), height: Math.max(Math.floor(height), 1) + under };
}

function shownArea(cell, aspects, under) {
  if (!aspects.length) return cell.width * cell.height;
  const high = cell.height - under;
  return aspects.reduce((sum, aspect) => sum + Math.min(cell.width, high * aspect) ** 2 / aspect, 0);
}
