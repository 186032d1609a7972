// Pictures flagged unsafe stay blurred until somebody asks to see one; asking again covers it.

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".js-unveil");
    if (!button) return;
    const frame = button.closest(".js-frame").querySelector(".frame, .stage");
    const isVeiled = frame.classList.toggle("is-veiled");
    button.textContent = isVeiled ? button.dataset.show : button.dataset.hide;
  });
}
