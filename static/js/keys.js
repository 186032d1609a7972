// Single keys, never while somebody types, never with a modifier.

export function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

export function onKeys(handlers) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const handler = handlers[event.key];
    if (handler && handler(event) !== false) event.preventDefault();
  });
}

export function startSearchKey() {
  const search = document.querySelector(".js-search");
  if (search) onKeys({ "/": () => { search.focus(); search.select(); } });
}
