// How a batch is drawn: fields that the chosen rule, shape or preset does not use step aside. Without this all of them
// show.

const form = document.querySelector(".js-batch-form");

function show(name) {
  const value = form.elements[name]?.value;
  for (const part of form.querySelectorAll(`[data-for-${name}]`)) {
    part.hidden = !part.getAttribute(`data-for-${name}`).split(" ").includes(value);
  }
}

function showAll() {
  for (const name of ["rule", "shape", "preset"]) show(name);
}

// A preset is about pairs, groups or single samples: the shape follows it, and may be changed afterwards.
const shapes = document.getElementById("preset-shapes");
if (shapes) {
  const shapeOf = JSON.parse(shapes.textContent);
  const preset = form.elements.preset;
  preset.addEventListener("change", () => { form.elements.shape.value = shapeOf[preset.value]; });
}
form.addEventListener("change", showAll);
showAll();
