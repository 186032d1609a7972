// An order of the samples, best first, with ties. Typing the numbers in order ranks them; the arrows move the one that
// was touched last, T ties it with the one above; or everything is dragged.

import { make, makeButton } from "../dom.js";
import { placeName } from "../hints.js";
import { say } from "../words.js";
import { followDrag } from "./drag.js";
import { empty, lift, ranksOf, moved, placedLast, tiedAbove, tiersOf } from "./tiers.js";

const MOST = 16; // samples that have a key of their own
const DIGITS = "123456789".split("");

export class Rank {
  constructor(question, hooks) {
    Object.assign(this, { question, hooks, scope: "rank", count: 0, held: null, order: empty(0) });
    this.actions = [...this.numberActions(), ...this.moveActions()];
    this.list = make("ol", { class: "tiers", "aria-label": question.text });
    this.pool = make("div", { class: "tier-pool", role: "group", "aria-label": say("rank_unranked"), data: { pool: "1" } });
    const help = make("span", { class: "judge-soft rank-help" }, say("rank_help"));
    this.root = make("div", { class: "rank" }, make("div", { class: "rank-line" }, this.list, this.pool), help);
    followDrag(this.root, (place, target) => this.drop(place, target));
  }

  // -- keys ---------------------------------------------------------------------------------------------
  numberActions() {
    return Array.from({ length: MOST }, (_, place) => ({
      id: `rank.${place + 1}`, label: say("rank_place", { number: place + 1 }), keys: DIGITS[place] ? [DIGITS[place]] : [],
      isAvailable: () => place < this.count, run: () => this.touch(place),
    }));
  }

  moveActions() {
    const has = () => this.held !== null;
    const action = (id, keys, change) => ({ id: `rank.${id}`, label: say(`rank_${id}`), keys, isAvailable: has, run: () => this.change(change(this.order, this.held)) });
    const all = [
      action("better", ["ArrowLeft", "ArrowUp"], (order, place) => moved(order, place, -1)),
      action("worse", ["ArrowRight", "ArrowDown"], (order, place) => moved(order, place, 1)),
      action("away", ["Delete"], lift),
    ];
    return this.question.ties ? [...all, action("tie", ["t", "="], tiedAbove)] : all;
  }

  // -- what is seen -----------------------------------------------------------------------------------------
  show(view) {
    this.count = view.samples.length;
    this.set(null);
  }

  paint() {
    const tiers = this.order.tiers.map((tier, index) => make("li", { class: "tier", data: { tier: index } },
      make("span", { class: "tier-rank", "aria-hidden": "true" }, String(index + 1)), ...tier.map((place) => this.chip(place, index + 1))));
    const end = make("li", { class: "tier tier-end", data: { tier: this.order.tiers.length }, "aria-hidden": "true" });
    this.list.replaceChildren(...tiers, end);
    this.pool.replaceChildren(...this.order.pool.map((place) => this.chip(place, null)));
    this.pool.hidden = !this.order.pool.length;
    this.hooks.onBuilt(this.root);
  }

  chip(place, rank) {
    const name = placeName(place, this.count > 2 ? this.count : 3);
    const words = rank === null ? say("rank_chip_unranked", { name }) : say("rank_chip", { name, rank });
    return makeButton({ class: "chip-rank", "aria-pressed": String(place === this.held), "aria-label": words, data: { place }, onclick: () => this.touch(place) },
      make("b", {}, String(place + 1)));
  }

  // -- answering ----------------------------------------------------------------------------------------------
  // A number ranks its sample behind the others, or takes up one that has a rank already.
  touch(place) {
    if (!this.hooks.mayAnswer()) return;
    this.held = place;
    this.hooks.pointAt(place);
    this.change(this.order.pool.includes(place) ? placedLast(this.order, place) : this.order);
  }

  pick(place) { this.touch(place); }

  change(order) {
    this.order = order;
    this.paint();
    this.hooks.onChange();
    this.hooks.tell(this.words());
  }

  drop(place, { pool, tier, isBetween }) {
    this.held = place;
    if (pool) this.change(lift(this.order, place));
    else this.change(moveTo(this.order, place, tier, isBetween || !this.question.ties));
  }

  words() {
    const said = this.order.tiers.map((tier, index) => `${index + 1}: ${tier.map((place) => place + 1).join(" = ")}`).join("; ");
    return said || say("rank_empty");
  }

  leave() { this.hooks.pointAt(null); }

  set(answer) {
    this.order = answer ? tiersOf(answer.ranks) : empty(this.count);
    this.held = null;
    this.paint();
  }

  value() {
    const isEnough = this.question.partial ? this.order.tiers.flat().length >= 2 : !this.order.pool.length;
    return isEnough && this.count ? { ranks: ranksOf(this.order, this.count) } : null;
  }

  snapshot() { return { ranks: ranksOf(this.order, this.count) }; }

  missing() { return this.question.partial ? say("missing_rank_two") : say("missing_rank", { count: this.order.pool.length }); }

  said(answer) {
    return tiersOf(answer.ranks).tiers.map((tier) => tier.map((place) => place + 1).join(" = ")).join(" > ");
  }
}

// Into tier `tier`, or as a tier of its own before it.
function moveTo(order, place, tier, isAlone) {
  const from = order.tiers.findIndex((one) => one.includes(place));
  const isOnlyOne = from >= 0 && order.tiers[from].length === 1;
  const rest = lift(order, place);
  const at = isOnlyOne && from < tier ? tier - 1 : tier;
  const pool = rest.pool.filter((one) => one !== place);
  if (isAlone || at >= rest.tiers.length) return { tiers: rest.tiers.toSpliced(at, 0, [place]), pool };
  return { tiers: rest.tiers.map((one, index) => (index === at ? [...one, place] : one)), pool };
}
