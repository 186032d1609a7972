// A slider under a histogram moves one number of the text: by mouse, by touch, and by the arrow keys.

function wanted(slider) {
  return String(Number(Number(slider.value).toPrecision(6)));
}

// Columns count characters, the text counts UTF-16 units: a smiley is one and two.
function unitsBefore(line, characters) {
  return Array.from(line).slice(0, characters).join("").length;
}

function paint(shape) {
  const sliders = [...shape.querySelectorAll(".js-threshold")];
  for (const bin of shape.querySelectorAll(".bin")) {
    const middle = (Number(bin.dataset.low) + Number(bin.dataset.high)) / 2;
    const isIn = sliders.every(({ value, dataset }) => (
      dataset.keeps === "below" ? middle <= Number(value) : dataset.keeps === "above" ? middle >= Number(value) : true
    ));
    const bands = sliders.filter(({ dataset }) => dataset.keeps === "");
    const isOdd = bands.filter(({ value }) => middle >= Number(value)).length % 2 === 1;
    bin.classList.toggle("bin-in", bands.length ? isOdd : isIn);
  }
}

// Where the number stands from now on, until the next preview says so itself.
function remember(slider) {
  const { before, atLine, atColumn } = slider.dataset;
  if (before.startsWith("\n")) {
    slider.dataset.atLine = Number(atLine) + 1;
    slider.dataset.atColumn = before.length;
  } else {
    slider.dataset.atColumn = Number(atColumn) + before.length;
  }
  slider.dataset.before = "";
  slider.dataset.written = wanted(slider);
}

// Puts the number where the preview found the old one; false where the text has changed there since.
function write(area, slider) {
  const lines = area.value.split("\n");
  const row = Number(slider.dataset.atLine) - 1;
  if (row >= lines.length) return false;
  const within = unitsBefore(lines[row], Number(slider.dataset.atColumn) - 1);
  const from = lines.slice(0, row).reduce((sum, line) => sum + line.length + 1, 0) + within;
  const { written, before, name } = slider.dataset;
  if (area.value.slice(from, from + written.length) !== written) return false;
  if (!written && area.value.slice(from).startsWith(before)) return false;
  if (written && !lines[row].slice(0, within).includes(name)) return false;
  area.setRangeText(before + wanted(slider), from, from + written.length, "end");
  remember(slider);
  return true;
}

export function thresholds(area, preview, moved) {
  preview.addEventListener("input", (event) => {
    const slider = event.target.closest(".js-threshold");
    if (!slider) return;
    slider.parentElement.querySelector("output").textContent = wanted(slider);
    paint(slider.closest(".js-shape"));
  });
  preview.addEventListener("change", (event) => {
    const slider = event.target.closest(".js-threshold");
    if (!slider) return;
    moved(write(area, slider));
  });
  return () => { for (const shape of preview.querySelectorAll(".js-shape")) paint(shape); };
}
