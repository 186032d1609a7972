// The canvas of the annotate page: what an item shows, at the same size, under one zoom.
//
//   const stage = createStage(root, { texts, onChange, onPick, announce });
//   const prepared = await stage.prepare(itemView);   // fetched, decoded and painted out of sight
//   stage.show(prepared);                             // at once
//   stage.release(prepared);                          // when it is not needed any more
//
// `turnsView(turns, words)` shows the turns of a prompt; `TextView` a text whose places can be named in code points.

export { createStage } from "./stage/stage.js";
export { TextView, turnsView } from "./stage/text.js";
export { Words } from "./stage/words.js";
