// Pictures and videos of an item, fetched and decoded before they are shown.
//
// A medium is {kind, spec, width, height, element, failed, rename(label), release()}: width and height in pixels of the
// rendition, which is what marks refer to. `load` never throws: a file that cannot be read becomes a medium that has
// `failed`, and its pane says so.

const WHOLE_BYTES = 64 * 2 ** 20; // a longer video is streamed instead of kept whole in memory
const ENOUGH = 3; // HTMLMediaElement.HAVE_FUTURE_DATA
const TINT = [64, 132, 255]; // where a mask is white, this colour is laid over the picture
const TINT_MOST = 0.55;

export async function load(spec) {
  const medium = spec.kind === "video" ? new Video(spec) : new Picture(spec);
  try {
    await medium.ready();
  } catch {
    medium.failed = true;
  }
  return medium;
}

class Medium {
  constructor(spec, element) {
    Object.assign(this, { spec, element, kind: spec.kind, width: spec.width, height: spec.height, failed: false });
    element.className = "canvas-medium";
    element.draggable = false;
    element.style.width = `${spec.width}px`;
    element.style.height = `${spec.height}px`;
  }
}

class Picture extends Medium {
  constructor(spec) {
    // "sync": the paint that shows the picture waits for its pixels, instead of showing an empty box first.
    super(spec, Object.assign(new Image(), { alt: "", decoding: "sync" }));
  }

  ready() {
    this.element.src = this.spec.url;
    return this.element.decode();
  }

  rename(label) { this.element.alt = label; }

  release() {
    this.element.removeAttribute("src");
    this.element.remove();
  }
}

class Video extends Medium {
  constructor(spec) {
    const values = { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true };
    super(spec, Object.assign(document.createElement("video"), values));
    this.fps = framesPerSecond(spec);
    this.stop = new AbortController();
  }

  async ready() {
    this.element.src = await wholeAddress(this.spec.url, this.stop.signal);
    await until(this.element, ENOUGH);
  }

  rename(label) { this.element.setAttribute("aria-label", label); }

  release() {
    this.stop.abort();
    this.element.pause();
    if (this.element.src.startsWith("blob:")) URL.revokeObjectURL(this.element.src);
    this.element.removeAttribute("src");
    this.element.load(); // lets go of the decoder
    this.element.remove();
  }
}

// Frames a second: as stored, else from the count and the length, else 25 to have a step at all.
function framesPerSecond({ fps, frames, duration_us: micros }) {
  if (fps) return fps;
  return frames && micros ? (frames * 1e6) / micros : 25;
}

// Kept whole, a video seeks to any frame without asking the network again.
async function wholeAddress(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}.`);
  if (Number(answer.headers.get("Content-Length")) > WHOLE_BYTES) {
    await answer.body.cancel();
    return url;
  }
  return URL.createObjectURL(await answer.blob());
}

function until(video, state) {
  if (video.readyState >= state) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const names = ["loadeddata", "canplay", "canplaythrough", "progress"];
    const settle = (act) => {
      for (const name of names) video.removeEventListener(name, look);
      video.removeEventListener("error", fail);
      act();
    };
    // A video of one or two frames never has "future" data; its first frame is all there is to wait for.
    const look = (event) => { if (video.readyState >= state || event.type === "canplaythrough") settle(resolve); };
    const fail = () => settle(() => reject(video.error));
    for (const name of names) video.addEventListener(name, look);
    video.addEventListener("error", fail);
  });
}

// -- masks --------------------------------------------------------------------------------------
// A mask as a tint: white is covered, black is clear, grey in between. `mask`: a picture that has been loaded.
export function tintOf(mask) { return new Tint(mask.spec, mask.element); }

class Tint extends Medium {
  constructor(spec, picture) {
    super(spec, Object.assign(document.createElement("canvas"), { width: spec.width, height: spec.height }));
    this.isMask = true;
    this.element.setAttribute("aria-hidden", "true");
    tint(this.element, picture);
  }

  release() {
    Object.assign(this.element, { width: 0, height: 0 }); // the memory goes now, not when somebody collects it
    this.element.remove();
  }
}

function tint(canvas, picture) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    const white = (0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2]) / 255;
    data[at + 3] *= white * TINT_MOST;
    [data[at], data[at + 1], data[at + 2]] = TINT;
  }
  context.putImageData(pixels, 0, 0);
}
