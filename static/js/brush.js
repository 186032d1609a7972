// Drag over the histogram to filter by a score: the same form that the two fields send.

const MIN_DRAG = 0.5; // hundredths of the width; less than this is a click, which takes one bin

function bins(svg) {
  return [...svg.querySelectorAll(".bin")].map((rect) => ({
    rect, low: Number(rect.dataset.low), high: Number(rect.dataset.high),
  }));
}

function shareAt(svg, event) {
  const box = svg.getBoundingClientRect();
  return Math.min(Math.max(((event.clientX - box.left) / box.width) * 100, 0), 100);
}

function paint(form, svg) {
  const low = form.elements.low.value === "" ? -Infinity : Number(form.elements.low.value);
  const high = form.elements.high.value === "" ? Infinity : Number(form.elements.high.value);
  for (const bin of bins(svg)) {
    bin.rect.classList.toggle("bin-in", bin.high > low && bin.low <= high);
  }
}

function start(form) {
  const svg = form.querySelector(".js-brush");
  const area = form.querySelector(".js-brush-area");
  let from = null;

  function cover(to) {
    const [left, right] = [Math.min(from, to), Math.max(from, to)];
    area.setAttribute("x", left);
    area.setAttribute("width", right - left);
    const all = bins(svg);
    const width = 100 / all.length;
    const first = all[Math.min(Math.floor(left / width), all.length - 1)];
    const last = all[Math.min(Math.floor(Math.max(right - 1e-6, left) / width), all.length - 1)];
    form.elements.low.value = Number(first.low.toPrecision(6));
    form.elements.high.value = Number(last.high.toPrecision(6));
    paint(form, svg);
  }

  svg.addEventListener("pointerdown", (event) => {
    from = shareAt(svg, event);
    svg.setPointerCapture(event.pointerId);
    cover(from + MIN_DRAG);
  });
  svg.addEventListener("pointermove", (event) => { if (from !== null) cover(shareAt(svg, event)); });
  svg.addEventListener("pointerup", () => { from = null; form.requestSubmit(); });
  svg.addEventListener("pointercancel", () => { from = null; });
  form.addEventListener("input", () => paint(form, svg));
  paint(form, svg);
}

// The bars come after the page (htmx); the form that waits for them has none to drag over.
document.addEventListener("htmx:load", (event) => {
  if (event.target.matches(".js-brush-form") && bins(event.target).length) start(event.target);
});
for (const select of document.querySelectorAll(".js-submit-on-change")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
