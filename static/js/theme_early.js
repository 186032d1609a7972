// The one classic script: it runs before the first paint, so a stored dark theme never flashes light.
// Modules are deferred by definition and would come too late.
(function () {
  let choice = null;
  try { choice = localStorage.getItem("pairwright-theme"); } catch { /* storage is shut: follow the system */ }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
