// Choosing scorers: the list narrows while one types, and a later stage offers only scores of the stage before.
// Without this the whole list and all scores stand there.

const form = document.getElementById("launch");
const filter = document.querySelector(".js-filter");
const words = document.getElementById("filter-words");
const kind = document.getElementById("filter-kind");
const nothing = document.querySelector(".js-nothing");

function narrow() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of form.querySelectorAll(".js-choice")) {
    const said = row.querySelector(".launch-choice").textContent.toLowerCase();
    const isKind = !kind.value || row.dataset.kinds.split(" ").includes(kind.value);
    // What is chosen stays in sight, or one would start it without seeing it.
    const isChosen = row.querySelector("input[name=scorers]").checked;
    row.hidden = !isChosen && !(isKind && wanted.every((word) => said.includes(word)));
    shown += row.hidden ? 0 : 1;
  }
  nothing.hidden = shown > 0;
}

function chosen(name) {
  return new Set([...form.querySelectorAll(`input[name="${name}"]:checked`)].map((box) => box.value));
}

// The scores of scorers that the stage before does not run cannot be gone by.
function offerScores() {
  let before = chosen("scorers");
  for (const stage of form.querySelectorAll(".js-stage")) {
    const select = stage.querySelector("select");
    for (const option of select.options) {
      const isOffered = !option.value || option.selected || before.has(option.value.split(".")[0]);
      option.hidden = !isOffered;
      option.disabled = !isOffered;
    }
    for (const group of select.querySelectorAll("optgroup")) {
      group.hidden = [...group.children].every((option) => option.hidden);
    }
    before = chosen(select.name.replace(/by$/, "scorers"));
  }
}

filter.hidden = false;
filter.addEventListener("input", narrow);
// Enter in the search must not start the job.
words.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
form.addEventListener("change", offerScores);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "stages") return;
  offerScores();
  document.querySelector("#stages .js-stage:last-of-type summary")?.focus();
  document.body.dispatchEvent(new CustomEvent("stages-changed"));
});
offerScores();
narrow();
