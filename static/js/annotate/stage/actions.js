// What can be done on the stage, by name, with the keys it has until somebody changes them. Those with `repeats` go on
// while their key is held.

const STEP = 80; // CSS pixels a key moves the picture
const FACTOR = 1.25; // a key zooms by

export function actionsOf(stage) {
  const action = (isAvailable) => (id, keys, run, more = {}) => ({
    id, keys, isAvailable, label: stage.words.say(`action_${id}`), run, ...more,
  });
  return [
    ...viewActions(stage, action(() => Boolean(stage.measured))),
    ...modeActions(stage, action(() => stage.modes.isPossible)),
    ...inModeActions(stage, action),
    ...inputActions(stage, action),
    ...setActions(stage, action(() => Boolean(stage.scene) && stage.scene.longestSet > 1)),
    ...videoActions(stage, action(() => Boolean(stage.player))),
    ...wordActions(stage, action),
    action(() => Boolean(stage.scene?.veils.length))("veil", ["Shift+u"], () => {
      stage.setVeils(stage.scene.veils.every((veil) => !veil.isCovering));
    }),
  ];
}

function viewActions(stage, action) {
  const zoom = (run) => () => {
    run();
    stage.sayZoom();
  };
  const repeats = { repeats: true };
  return [
    action("zoom_in", ["+", "="], zoom(() => stage.zoomBy(FACTOR)), repeats),
    action("zoom_out", ["-"], zoom(() => stage.zoomBy(1 / FACTOR)), repeats),
    action("fit", ["0", "Alt+0"], zoom(() => stage.fit())),
    action("actual", ["1", "Alt+1"], zoom(() => stage.actual())),
    action("closer", ["z"], zoom(() => (stage.isFit ? stage.actual() : stage.fit()))),
    action("move_left", ["Alt+ArrowLeft"], () => stage.moveBy(STEP, 0), repeats),
    action("move_right", ["Alt+ArrowRight"], () => stage.moveBy(-STEP, 0), repeats),
    action("move_up", ["Alt+ArrowUp"], () => stage.moveBy(0, STEP), repeats),
    action("move_down", ["Alt+ArrowDown"], () => stage.moveBy(0, -STEP), repeats),
  ];
}

function modeActions(stage, action) {
  const { modes, words } = stage;
  const toggled = (name) => () => {
    const before = modes.name;
    modes.toggle(name);
    if (modes.name !== before) stage.announce(words.say(`mode_${modes.name}`));
  };
  return [
    action("pair", ["b"], () => {
      stage.setMode("pair");
      stage.announce(words.say("mode_pair"));
    }),
    action("wipe", ["w"], toggled("wipe")),
    action("flicker", ["f"], toggled("flicker")),
    action("difference", ["d"], toggled("difference")),
    action("other", ["v"], () => modes.showOther()),
  ];
}

function inModeActions(stage, action) {
  const { modes } = stage;
  const within = (name) => action(() => modes.name === name);
  const repeats = { repeats: true };
  return [
    within("wipe")("wipe_left", ["Shift+ArrowLeft"], () => modes.wipeBy(-1), repeats),
    within("wipe")("wipe_right", ["Shift+ArrowRight"], () => modes.wipeBy(1), repeats),
    within("difference")("gain_up", ["Shift+ArrowUp"], () => modes.changeGain(1)),
    within("difference")("gain_down", ["Shift+ArrowDown"], () => modes.changeGain(-1)),
  ];
}

function inputActions(stage, action) {
  return [
    action(() => stage.scene?.canPeek ?? false)("peek", ["s"], (event) => stage.peek(event)),
    action(() => Boolean(stage.scene?.inputs))("beside", ["Shift+s"], () => stage.setBeside(!stage.isBeside)),
    action(() => stage.scene?.hasMask ?? false)("mask", ["x"], () => stage.setMasked(!stage.isMasked)),
  ];
}

function setActions(stage, action) {
  return [
    action("set_back", ["PageUp"], () => stage.turnBy(-1), { repeats: true }),
    action("set_on", ["PageDown"], () => stage.turnBy(1), { repeats: true }),
  ];
}

function videoActions(stage, action) {
  const { words } = stage;
  const step = (by) => async () => {
    const { player } = stage;
    await player.step(by);
    stage.announce(words.say("frame_of", { frame: player.frame + 1, frames: player.frames, seconds: player.seconds.toFixed(2) }));
  };
  return [
    action("play", [" ", "k"], () => stage.player.toggle()),
    action("frame_back", [","], step(-1), { repeats: true }),
    action("frame_on", ["."], step(1), { repeats: true }),
    action("video_start", ["Home"], () => stage.player.seek(0)),
    action("loop", ["l"], () => stage.player.setLooping(!stage.player.isLooping)),
    action("slower", ["["], () => stage.changeSpeed(-1)),
    action("faster", ["]"], () => stage.changeSpeed(1)),
    action("sound", ["m"], () => stage.turnSound()),
  ];
}

function wordActions(stage, action) {
  const texts = () => stage.panes.filter((pane) => pane.text).length;
  return [
    action(() => texts() > 0)("formatted", ["Shift+f"], () => stage.setFormatted(!stage.isFormatted)),
    action(() => texts() > 1)("scroll_lock", ["Shift+l"], () => stage.setScrollLocked(!stage.isScrollLocked)),
  ];
}
