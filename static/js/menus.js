// Menus are <details>: they work without this. Here they also close on Escape and on a click elsewhere.

function closeOthers(except) {
  for (const menu of document.querySelectorAll("details.js-menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

function openFacetsWhereWide() {
  if (CSS.supports("selector(::details-content)") || innerWidth <= 960) return;
  for (const facets of document.querySelectorAll(".js-facets")) facets.open = true;
}

export function start() {
  openFacetsWhereWide();
  document.addEventListener("click", (event) => closeOthers(event.target.closest("details.js-menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.js-menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
