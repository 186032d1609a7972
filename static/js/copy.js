// Buttons that copy the text named by data-copy, and say so where they stand.

async function copy(button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
  } catch {
    button.textContent = button.dataset.failed;
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".js-copy");
    if (button) copy(button);
  });
}
