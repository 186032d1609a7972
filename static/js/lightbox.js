// A picture or video at the size of the window. The dialog keeps the focus; closing gives it back to the frame.

export class Lightbox {
  constructor(dialog, frames, onMove) {
    this.dialog = dialog;
    this.frames = frames.filter((frame) => frame.classList.contains("js-zoom"));
    this.onMove = onMove;
    if (!dialog) return;
    this.stage = dialog.querySelector(".js-lightbox-stage");
    this.caption = dialog.querySelector(".js-lightbox-caption");
    this.frames.forEach((frame, place) => frame.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open(place);
    }));
    dialog.querySelector(".js-lightbox-previous").addEventListener("click", () => this.move(-1));
    dialog.querySelector(".js-lightbox-next").addEventListener("click", () => this.move(1));
    dialog.querySelector(".js-lightbox-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.leave());
    dialog.addEventListener("keydown", (event) => this.onKey(event));
  }

  get isOpen() { return Boolean(this.dialog?.open); }

  open(place) {
    this.show(place);
    this.dialog.showModal();
    this.dialog.querySelector(".js-lightbox-close").focus();
  }

  move(by) {
    this.show((this.place + by + this.frames.length) % this.frames.length);
  }

  show(place) {
    this.place = place;
    const frame = this.frames[place];
    this.caption.textContent = frame.dataset.caption;
    const shown = element(frame);
    if (frame.classList.contains("is-veiled")) {
      const veil = document.createElement("div");
      veil.className = "is-veiled";
      veil.append(shown);
      this.stage.replaceChildren(veil);
      return;
    }
    this.stage.replaceChildren(shown);
  }

  leave() {
    this.stage.replaceChildren();
    this.frames[this.place].focus();
  }

  onKey(event) {
    const steps = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 };
    if (event.target.tagName === "VIDEO") return;
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.move(steps[event.key]);
  }
}

function element(frame) {
  const { kind, full, caption, text, onWhite } = frame.dataset;
  if (kind === "video") {
    const video = document.createElement("video");
    Object.assign(video, { src: full, controls: true, loop: true, autoplay: !matchMedia("(prefers-reduced-motion: reduce)").matches, muted: true });
    return video;
  }
  if (kind === "image") {
    return Object.assign(document.createElement("img"), { src: full, alt: caption, className: onWhite ? "on-white" : "" });
  }
  return Object.assign(document.createElement("p"), { textContent: text });
}
