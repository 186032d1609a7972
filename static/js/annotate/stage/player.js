// Several videos as one: the same frame in all of them, playing or standing.
//
// Time is counted in frames of the fastest video. A frame n is asked for at its middle, (n + 1/2) / fps seconds, so
// that rounding in a container's clock never shows the neighbour. A shorter video stays on its last frame.

export const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const FAR = 0.25; // seconds apart while playing: beyond, jump; within, run a little slower or faster
const PULL = 2; // share of the drift made good in a second
const MOST_PULL = 0.12; // of the speed: more would be seen and heard
const PAINT_MS = 250; // a frame that was already on the screen is never reported; do not wait for it longer

export class Player extends EventTarget {
  // `media`: video media of media.js, failed ones left out.
  constructor(media) {
    super();
    this.videos = media.map((medium) => ({ medium, element: medium.element, seconds: secondsOf(medium) }));
    this.lead = this.videos.reduce((longest, video) => (video.seconds > longest.seconds ? video : longest));
    this.fps = Math.max(...media.map((medium) => medium.fps));
    this.frames = Math.max(Math.round(this.lead.seconds * this.fps), 1);
    Object.assign(this, { frame: 0, wanted: 0, speed: 1, isLooping: true, isPlaying: false, heard: null, seeking: null });
    this.lead.element.addEventListener("ended", () => this.end());
  }

  get seconds() { return this.frame / this.fps; }
  get micros() { return Math.round((this.frame * 1e6) / this.fps); }
  get durationMicros() { return Math.round(this.lead.seconds * 1e6); }

  // -- standing ---------------------------------------------------------------------------------
  // Every video on this frame. Asked again before it is there, it goes straight to the newest.
  seek(frame) {
    this.wanted = Math.min(Math.max(Math.round(frame), 0), this.frames - 1);
    this.seeking ??= this.follow().finally(() => { this.seeking = null; });
    return this.seeking;
  }

  seekMicros(micros) { return this.seek(Math.floor((micros * this.fps) / 1e6 + 1e-6)); }

  async follow() {
    let target;
    do {
      target = this.wanted;
      await Promise.all(this.videos.map((video) => seekTo(video, (target + 0.5) / this.fps)));
      this.tell(target);
    } while (target !== this.wanted);
  }

  async step(by) {
    const from = this.isPlaying ? await this.pause() : this.wanted;
    return this.seek(from + by);
  }

  // -- playing ----------------------------------------------------------------------------------
  async play() {
    if (this.isPlaying) return;
    this.isPlaying = true;
    this.tell(this.frame);
    await this.seek(this.wanted >= this.frames - 1 ? 0 : this.wanted);
    if (!this.isPlaying) return;
    await this.run();
  }

  async run() {
    for (const { element } of this.videos) element.playbackRate = this.speed;
    try {
      await Promise.all(this.videos.map(({ element }) => element.play()));
    } catch {
      // The browser refuses to start, or somebody paused meanwhile: both leave a standing picture.
      if (this.isPlaying) await this.pause();
      return;
    }
    this.watch();
  }

  watch() {
    this.lead.element.requestVideoFrameCallback((_now, { mediaTime }) => {
      if (!this.isPlaying) return;
      this.wanted = this.frameAt(mediaTime);
      this.tell(this.wanted);
      for (const video of this.videos) if (video !== this.lead) this.correct(video);
      this.watch();
    });
  }

  // One that runs ahead is slowed, one that lags is hurried, until they agree to half a frame.
  correct({ element, seconds }) {
    const at = this.lead.element.currentTime;
    const drift = element.currentTime - Math.min(at, seconds);
    if (element.ended || at >= seconds) return;
    if (Math.abs(drift) > FAR) element.currentTime = at;
    const pull = Math.abs(drift) > 0.5 / this.fps ? Math.min(Math.max(drift * PULL, -MOST_PULL), MOST_PULL) : 0;
    element.playbackRate = this.speed * (1 - pull);
  }

  frameAt(seconds) { return Math.min(Math.max(Math.round(seconds * this.fps), 0), this.frames - 1); }

  // Stops all of them on the frame that is on the screen, and returns it.
  async pause() {
    this.isPlaying = false;
    for (const { element } of this.videos) element.pause();
    await this.seek(this.wanted);
    return this.frame;
  }

  toggle() { return this.isPlaying ? this.pause() : this.play(); }

  async end() {
    if (!this.isPlaying) return;
    if (!this.isLooping) {
      this.wanted = this.frames - 1;
      await this.pause();
      return;
    }
    await this.seek(0);
    if (this.isPlaying) await this.run();
  }

  // -- manner -----------------------------------------------------------------------------------
  setSpeed(speed) {
    this.speed = speed;
    for (const { element } of this.videos) element.playbackRate = speed;
    this.tell(this.frame);
  }

  setLooping(isLooping) {
    this.isLooping = isLooping;
    this.tell(this.frame);
  }

  // One is heard at a time, or none (null): two at once cannot be told apart.
  hear(index) {
    this.heard = index;
    this.videos.forEach(({ element }, place) => { element.muted = place !== index; });
    this.tell(this.frame);
  }

  tell(frame) {
    this.frame = frame;
    this.dispatchEvent(new CustomEvent("timechange", { detail: { frame, micros: this.micros } }));
  }

  stop() {
    this.isPlaying = false;
    for (const { element } of this.videos) {
      element.pause();
      element.muted = true;
    }
  }
}

// Some files do not say how long they are until they are read to the end; what the server measured wins.
function secondsOf({ spec, element }) {
  if (spec.duration_us) return spec.duration_us / 1e6;
  return Number.isFinite(element.duration) ? element.duration : 0;
}

async function seekTo({ element, seconds }, time) {
  const last = Math.max(Math.min(seconds, element.duration || seconds) - 1e-3, 0);
  const target = Math.min(time, last);
  if (Math.abs(element.currentTime - target) < 1e-6 && !element.seeking) return;
  const painted = new Promise((resolve) => {
    element.requestVideoFrameCallback(resolve);
    element.addEventListener("seeked", () => setTimeout(resolve, PAINT_MS), { once: true });
  });
  element.currentTime = target;
  await painted;
}
