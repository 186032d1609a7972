// The entry of the page people judge on: puts its parts together.

import { Clock } from "./annotate/clock.js";
import { byClass, make, makeButton } from "./annotate/dom.js";
import { fillHints } from "./annotate/hints.js";
import { Keys } from "./annotate/keys.js";
import { Outbox } from "./annotate/outbox.js";
import { FlagPanel } from "./annotate/panels/flag_panel.js";
import { HistoryPanel } from "./annotate/panels/history_panel.js";
import { KeysPanel } from "./annotate/panels/keys_panel.js";
import { OutboxPanel } from "./annotate/panels/outbox_panel.js";
import { Panels } from "./annotate/panels/panels.js";
import { SkipPanel } from "./annotate/panels/skip_panel.js";
import { Past } from "./annotate/past.js";
import { build, isOneStroke, isTall } from "./annotate/questions/kinds.js";
import { Queue } from "./annotate/queue.js";
import { Screen } from "./annotate/screen.js";
import { Session } from "./annotate/session.js";
import { Sheet } from "./annotate/sheet.js";
import { createStage } from "./annotate/stage.js";
import { followSwipes } from "./annotate/swipe.js";
import { say, setTexts } from "./annotate/words.js";

const setup = JSON.parse(document.getElementById("annotate-setup").textContent);
setTexts(setup.texts);

const keys = new Keys();
const screen = new Screen(setup.stage_texts);
const clock = new Clock();
const panels = new Panels((name) => keys.keysOf(`page.${name}`));
const outbox = new Outbox({ person: setup.person });
const stage = createStage(byClass("js-stage"), {
  texts: setup.stage_texts,
  onChange: (name) => { if (name === "scenechange") showHowItStands(); },
  onPick: (place) => sheet.widget.pick?.(place),
  announce: (text) => screen.announce(text),
});

let promptText = null; // the text of the shown prompt, in which words can be marked

if (setup.questions.some(isTall)) {
  document.body.classList.add("has-aside");
  byClass("judge-work").append(make("section", { class: "judge-aside", "aria-label": say("answers") }, byClass("js-chips"), byClass("js-draft"), byClass("js-centre")));
}

const sheet = new Sheet({
  questions: setup.questions, chips: byClass("js-chips"), answers: byClass("js-answers"), text: screen.question, stageWords: byClass("js-stage-words"),
  build: (question, hooks) => build(question, { ...hooks, stage, promptText: () => promptText }),
  onSubmit: () => session.submit(),
  onTurn: (widget) => { keys.wake(widget.scope); },
  tell: (text) => screen.announce(text),
  warn: (text) => screen.tell(text),
  pointAt,
  onBuilt: (root) => fillHints(keys, root),
});
const queue = new Queue({
  batch: setup.batch, url: setup.urls.lease, leaseSeconds: setup.lease_seconds,
  prepare: (view) => stage.prepare(view), release: (prepared) => stage.release(prepared),
  pending: () => outbox.pending.filter((entry) => entry.batch === setup.batch && !entry.body.revises && !entry.after).length,
});
const history = new HistoryPanel({ dialog: panels.get("history"), url: setup.urls.history, onOpen: (assignment) => session.openFromHistory(assignment) });
const session = new Session({ setup, stage, sheet, queue, outbox, past: new Past({ undoSeconds: setup.undo_seconds }), clock, screen, history, onShow: showItem });

// -- the item -------------------------------------------------------------------------------------------
function showItem(current) {
  promptText = screen.showPrompt(current.view.prompt);
  paintDraft(current);
}

// Whether there is anything that no single key says.
function needsSending({ mode }) {
  return mode !== "fresh" || sheet.flags.length > 0 || setup.questions.some((question) => !isOneStroke(question) || !question.required);
}

// What stands there already and why, and the button for whoever does not use Enter.
function paintDraft(current) {
  const { mode, said, view } = current;
  const words = { draft: say("draft_words"), revise: say("revise_words", { said }) }[mode];
  const note = view.note ? make("p", { class: "judge-review-note" }, say("review_words", { note: view.note })) : null;
  const back = mode === "revise" ? makeButton({ class: "judge-tool", onclick: () => session.leaveRevision() }, say("revise_back"), " ", make("kbd", { class: "judge-key", "aria-hidden": "true" }, "Esc")) : null;
  screen.draft.hidden = mode === "fresh";
  document.body.classList.toggle("is-revising", mode === "revise");
  screen.draft.className = `judge-draft js-draft is-${mode}`;
  screen.draft.replaceChildren(...[note, make("span", { class: "judge-draft-words" }, words ?? ""), back].filter(Boolean));
  byClass("js-send").hidden = !needsSending(current);
  byClass("js-send-words").textContent = say(mode === "draft" ? "draft_accept" : "revise_send");
}

function pointAt(place) {
  for (const element of stage.root.querySelectorAll(".is-pointed")) element.classList.remove("is-pointed");
  if (place !== null) stage.scene?.samples[place]?.element.classList.add("is-pointed");
}

// A pair that stands one above the other has no left: its buttons say so.
function showHowItStands() { document.body.classList.toggle("is-stacked", stage.scene?.samples.length === 2 && stage.scene.columns === 1); }

// -- keys -------------------------------------------------------------------------------------------------
const panelAction = (name, key) => ({ id: `page.${name}`, label: say(`action_${name}`), keys: [key], isAvailable: () => panels.has(name), run: () => panels.open(name) });
keys.register("page", [
  { id: "page.send", label: say("action_send"), keys: ["Enter", "Ctrl+Enter"], inFields: true, isAvailable: hasItem, run: () => sheet.confirm() },
  { id: "page.undo", label: say("action_undo"), keys: ["z", "Backspace"], run: () => session.undo() },
  { id: "page.next_question", label: say("action_next_question"), keys: ["j"], isAvailable: hasItem, run: () => sheet.turnBy(1) },
  { id: "page.previous_question", label: say("action_previous_question"), keys: ["k"], isAvailable: hasItem, run: () => sheet.turnBy(-1) },
  { id: "page.say", label: say("action_say"), keys: ["i"], isAvailable: hasItem, run: () => session.announceItem() },
  ...(setup.guideline ? [panelAction("guideline", "g")] : []),
  panelAction("history", "h"),
  panelAction("keys", "?"),
  { ...panelAction("skip", "s"), isAvailable: () => hasItem() && session.current.mode !== "revise" },
  { ...panelAction("flag", "f"), isAvailable: hasItem },
  { id: "page.pause", label: say("action_pause"), keys: ["p"], run: () => panels.open("pause") },
]);
for (const widget of sheet.widgets) keys.register(widget.scope, alive(widget));
keys.register("stage", stage.actions);
keys.listen();
document.addEventListener("keydown", (event) => {
  const isMine = event.key === "Escape" && !panels.isAnyOpen && session.current?.mode === "revise" && !event.defaultPrevented;
  if (isMine) session.leaveRevision();
});

function hasItem() { return session.current !== null; }

// A question's keys mean something only while there is an item, and where two questions of a kind are asked, they
// belong to the one that is open.
function alive(widget) {
  return widget.actions.map((action) => ({
    ...action,
    isAvailable: () => hasItem() && (openOne(widget, action)?.isAvailable?.() ?? true),
    run: (event) => openOne(widget, action)?.run(event),
  }));
}

function openOne(widget, { id }) {
  const open = sheet.widget.scope === widget.scope ? sheet.widget : widget;
  return open.actions.find((action) => action.id === id) ?? null;
}

// -- panels -----------------------------------------------------------------------------------------------
const keysPanel = new KeysPanel({ dialog: panels.get("keys"), keys, onChange: () => fillHints(keys) });
const skipPanel = new SkipPanel({ dialog: panels.get("skip"), onSkip: (reason, text) => session.skip(reason, text) });
const flagPanel = new FlagPanel({ dialog: panels.get("flag"), sheet, onChange: () => paintDraft(session.current) });
const outboxPanel = new OutboxPanel({ dialog: panels.get("outbox"), pill: byClass("js-outbox"), outbox });
for (const [name, panel] of Object.entries({ keys: keysPanel, skip: skipPanel, flag: flagPanel, outbox: outboxPanel, history })) panels.onOpen.set(name, () => panel.fill());
panels.onOpen.set("pause", () => pause(true));
panels.onClose.set("pause", () => pause(false));
byClass("js-pause").addEventListener("click", () => panels.open("pause"));
byClass("js-send").addEventListener("click", (event) => {
  if (event.detail > 0) event.currentTarget.blur();
  sheet.confirm();
});
byClass("js-undo").addEventListener("click", () => session.undo());
byClass("js-outbox").addEventListener("click", () => panels.open("outbox"));

function pause(isPaused) {
  clock.set("paused", isPaused);
  queue.rest(isPaused);
  if (isPaused) stage.player?.pause();
}

// -- the network --------------------------------------------------------------------------------------------
outbox.addEventListener("network", ({ detail }) => {
  for (const name of ["away", "signed-out"]) screen.lower(name);
  if (detail.state === "away") screen.raise("away", say("banner_away"));
  if (detail.state === "signed-out") screen.raise("signed-out", say("banner_signed_out"), make("a", { class: "btn btn-secondary btn-sm", href: setup.urls.sign_in, target: "_blank", rel: "noopener" }, say("banner_sign_in")));
});
addEventListener("focus", () => { if (outbox.network === "signed-out") outbox.flush(); });

followSwipes(stage.root, {
  isFree: () => hasItem() && !stage.ownsDrag && sheet.widget.scope === "compare",
  swiped: ({ x, y }) => {
    const isStacked = document.body.classList.contains("is-stacked");
    const way = isStacked ? y : x;
    if (way) sheet.widget.choose(way < 0 ? "left" : "right");
  },
});

byClass("js-stage-tools").replaceWith(stage.toolbar);
fillHints(keys);
outboxPanel.paint();
queue.listenToOtherTabs();
outbox.flush();
queue.fill().then(openAsked);

// A link may name an item to open again: an answer that a reviewer sent back.
function openAsked() {
  const asked = Number(new URLSearchParams(location.search).get("item"));
  if (asked) session.openFromHistory(asked);
}
