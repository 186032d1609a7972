// The bar under videos: play, step, scrub, loop, speed, sound, and which frame it is.

import { make } from "../dom.js";
import { icon, iconButton, named } from "./make.js";
import { SPEEDS } from "./player.js";

const SIGNS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  back: "M4 3h2v10H4zM13 3v10L6.5 8z",
  on: "M10 3h2v10h-2zM3 3v10l6.5-5z",
  loop: "M4 5h7V3l3 3-3 3V7H5v2.5H3V6a1 1 0 0 1 1-1zM12 11H5v2l-3-3 3-3v2h6V6.5h2V10a1 1 0 0 1-1 1z",
  sound: "M2 6v4h3l4 3.5v-11L5 6zM10.5 5.2v5.6a3.2 3.2 0 0 0 0-5.6z",
  silent: "M2 6v4h3l4 3.5v-11L5 6zM10.6 6.4l.9-.9 1.5 1.6 1.6-1.6.9.9L13.9 8l1.6 1.6-.9.9L13 8.9l-1.5 1.6-.9-.9L12.1 8z",
};

export class Transport {
  constructor(stage) {
    this.stage = stage;
    const { words } = stage;
    const run = (id) => () => stage.run(id);
    const sign = (name, id) => iconButton("canvas-tool", words.say(`action_${id}`), SIGNS[name], run(id));
    this.play = sign("play", "play");
    this.loop = sign("loop", "loop");
    this.sound = sign("silent", "sound");
    this.scrub = make("input", { class: "canvas-scrub", type: "range", min: 0, step: 1, "aria-label": words.say("scrub") });
    this.scrub.addEventListener("input", () => this.scrubbed());
    this.clock = make("output", { class: "canvas-clock" });
    this.speed = this.speedChoice(words);
    this.element = make("div", { class: "canvas-transport", role: "group", "aria-label": words.say("transport"), hidden: true },
      this.play, sign("back", "frame_back"), sign("on", "frame_on"), this.scrub, this.clock, this.loop, this.speed, this.sound);
  }

  speedChoice(words) {
    const options = SPEEDS.map((speed) => make("option", { value: speed }, words.say("speed_times", { speed })));
    const choice = make("select", { class: "canvas-select", "aria-label": words.say("speed") }, options);
    choice.addEventListener("change", () => this.stage.player?.setSpeed(Number(choice.value)));
    return choice;
  }

  async scrubbed() {
    const { player } = this.stage;
    const frame = Number(this.scrub.value);
    if (player.isPlaying) await player.pause();
    player.seek(frame);
  }

  follow(player) {
    this.element.hidden = !player;
    if (!player) return;
    this.scrub.max = player.frames - 1;
    this.update();
  }

  update() {
    const { player, words } = this.stage;
    const values = { frame: player.frame + 1, frames: player.frames, seconds: player.seconds.toFixed(2) };
    this.scrub.value = player.wanted;
    this.scrub.setAttribute("aria-valuetext", words.say("frame_of", values));
    this.clock.textContent = words.say("frame_of", values);
    this.speed.value = String(player.speed);
    this.loop.setAttribute("aria-pressed", String(player.isLooping));
    this.turn(this.play, player.isPlaying ? "pause" : "play", player.isPlaying ? "pause" : "action_play");
    const heard = player.heard === null ? "sound_off" : "sound_on";
    this.turn(this.sound, player.heard === null ? "silent" : "sound", heard);
  }

  // The sign of a button changes only with its state: it is asked at every frame.
  turn(button, sign, text) {
    if (button.dataset.sign === sign) return;
    button.dataset.sign = sign;
    button.replaceChildren(icon(SIGNS[sign]));
    named(button, this.stage.words.say(text));
  }
}
