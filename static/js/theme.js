// Light, dark, or what the system says; the choice stays in this browser.

const KEY = "pairwright-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try { return localStorage.getItem(KEY) ?? "system"; } catch { return "system"; }
}

function show(choice) {
  const dark = choice === "dark" || (choice === "system" && system.matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  for (const button of document.querySelectorAll(".js-theme")) {
    button.setAttribute("aria-pressed", String(button.dataset.theme === choice));
  }
}

function choose(choice) {
  try { localStorage.setItem(KEY, choice); } catch { /* storage is shut: the choice lasts for this page */ }
  show(choice);
}

export function start() {
  for (const button of document.querySelectorAll(".js-theme")) {
    button.addEventListener("click", () => choose(button.dataset.theme));
  }
  system.addEventListener("change", () => show(stored()));
  show(stored());
}
