// What was written before and after: one history for typing and for sliders, so that either can be undone.

const PAUSE = 500; // milliseconds; typing without a longer pause is one change

export function history(area, changed) {
  const buttons = ["undo", "redo", "revert"].map((name) => document.querySelector(`.js-${name}`));
  const [undo, redo, revert] = buttons;
  const said = document.querySelector(".js-unsaved");
  const saved = document.querySelector(".js-saved");
  const start = saved ? saved.value : area.value;
  const past = [area.value];
  let place = 0;
  let last = 0;

  function tell() {
    undo.disabled = place === 0;
    redo.disabled = place === past.length - 1;
    revert.disabled = area.value === start;
    const words = area.value === start ? "" : said.dataset.said;
    if (said.textContent !== words) said.textContent = words;
  }

  function show(text) {
    area.value = text;
    tell();
    changed();
  }

  function note(isTyped) {
    const now = Date.now();
    past.length = place + 1;
    if (isTyped && place > 0 && now - last < PAUSE) past[place] = area.value;
    else if (past[place] !== area.value) { past.push(area.value); place += 1; }
    last = isTyped ? now : 0;
    tell();
  }

  function go(by) {
    if (place + by < 0 || place + by >= past.length) return;
    place += by;
    last = 0;
    show(past[place]);
  }

  undo.addEventListener("click", () => go(-1));
  redo.addEventListener("click", () => go(1));
  revert.addEventListener("click", () => { area.value = start; note(false); changed(); });
  area.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    go(key === "y" || event.shiftKey ? 1 : -1);
  });
  document.querySelector(".js-changes").hidden = false;
  window.addEventListener("beforeunload", (event) => { if (area.value !== start && !area.form.dataset.isSent) event.preventDefault(); });
  area.form.addEventListener("submit", () => { area.form.dataset.isSent = "yes"; });
  window.addEventListener("pageshow", () => { delete area.form.dataset.isSent; });
  tell();
  return { note };
}
