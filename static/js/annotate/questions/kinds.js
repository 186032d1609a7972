// The kinds of question and what asks them.

import { Mark } from "../marks/mark.js";
import { Check } from "./check.js";
import { Compare } from "./compare.js";
import { Pick } from "./pick.js";
import { Rank } from "./rank.js";
import { Rate } from "./rate.js";
import { Write } from "./write.js";

const KINDS = { compare: Compare, pick: Pick, rank: Rank, rate: Rate, check: Check, mark: Mark, write: Write };
// These need more room than the bar below the pictures has.
const TALL = new Set(["check", "write", "mark"]);

export function build(question, hooks) {
  const Kind = KINDS[question.kind];
  if (!Kind) throw new Error(`This page cannot ask a question of the kind "${question.kind}".`);
  return new Kind(question, hooks);
}

export function isTall(question) { return TALL.has(question.kind) || (question.kind === "compare" && question.reason === "required"); }

// One key says everything: nothing else has to be pressed.
export function isOneStroke(question) { return ["compare", "pick", "rate", "check"].includes(question.kind); }
