// Dialogs that ask before a step that cannot be taken back. Markup: templates/components/confirm.html.
// A dialog that wants a name typed keeps its button off until the name is right; the server asks again.

function open(id) {
  const dialog = document.getElementById(id);
  dialog.showModal();
}

function guardTypedName(input) {
  const button = input.form.querySelector("[type=submit]");
  const check = () => { button.disabled = input.value.trim() !== input.dataset.expected; };
  input.addEventListener("input", check);
  check();
}

export function start() {
  for (const opener of document.querySelectorAll(".js-open-dialog")) {
    opener.addEventListener("click", (event) => { event.preventDefault(); open(opener.dataset.dialog); });
  }
  for (const closer of document.querySelectorAll(".js-close-dialog")) {
    closer.addEventListener("click", () => closer.closest("dialog").close());
  }
  document.querySelectorAll(".js-typed-name").forEach(guardTypedName);
}
