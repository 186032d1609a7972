"""Numbers of a consensus as a page shows them: bars, states and what machines count for, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from curation.actions.consensus import Counted
from curation.consensus.adding_up import BASES, Basis, Consensus
from curation.consensus.opinions import VERDICTS, Block, Weight
from curation.consensus.rules import DELTA, SURE, USUAL_WIDTH, State, Verdict
from curation.models import Rater

STATES: dict[str, str | Promise] = {
    State.DECIDED.value: gettext_lazy("decided"),
    State.PROVISIONAL.value: gettext_lazy("provisional"),
    State.OPEN.value: gettext_lazy("open"),
    State.INDISTINGUISHABLE.value: gettext_lazy("indistinguishable"),
}
COLUMNS: dict[Basis, str | Promise] = {
    "people": gettext_lazy("People only"),
    "machines": gettext_lazy("Machines only"),
    "both": gettext_lazy("Combined"),
}
# Logits at the ends of a bar: beyond, a bar is cut.
REACH = 4.0
# Standard deviations on either side: 95 %.
_WIDE = 1.96
# Lines of a prompt that are drawn; a larger one shows its best and its worst.
MOST_LINES = 10


@dataclass(frozen=True)
class Bar:
    """A strength with its interval, places in 0 to 100."""

    dot: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Line:
    """One sample of a prompt: its bars by column, None where nothing was said."""

    sample_id: int
    place: int
    bars: list[Bar | None]


@dataclass(frozen=True)
class Shown:
    """A prompt: its state, who voted, and its samples, the strongest first."""

    prompt_id: int
    state: str
    label: str | Promise
    votes: int
    people: int
    sure: str
    lines: list[Line]
    more: int


def prompts(found: Consensus, states: Mapping[int, Mapping[str, object]] | None = None) -> dict[int, Shown]:
    """Every prompt of a consensus, by id."""
    layout = found.layout
    values = {basis: _centred(found, basis) for basis in BASES}
    rows = states if states is not None else {row["prompt_id"]: row for row in found.states().to_dicts()}
    shown = {}
    for group, prompt_id in enumerate(layout.prompt.tolist()):
        mine = np.flatnonzero(layout.group == group)
        order = mine[np.lexsort((mine, -values["both"][0][mine].round(9), ~found.known["both"][mine]))]
        kept = order if len(order) <= MOST_LINES else np.concatenate([order[: MOST_LINES - 2], order[-2:]])
        lines = [_line(found, values, int(row), int(np.flatnonzero(mine == row)[0]) + 1) for row in kept]
        shown[prompt_id] = _shown(rows[prompt_id], lines, len(order) - len(kept))
    return shown


def _shown(row: Mapping[str, object], lines: list[Line], more: int) -> Shown:
    state = str(row["state"])
    return Shown(
        prompt_id=int(str(row["prompt_id"])),
        state=state,
        label=STATES[state],
        votes=int(str(row["all_votes"])),
        people=int(str(row["people"])),
        sure=_percent(float(str(row["above"]))),
        lines=lines,
        more=more,
    )


def _centred(found: Consensus, basis: Basis) -> tuple[np.ndarray, np.ndarray]:
    """Strengths less the mean of the prompt's known samples, and their standard deviations."""
    strength, variance = found.columns[basis].values()
    known, group, prompts_here = found.known[basis], found.layout.group, len(found.layout.prompt)
    count = np.maximum(np.bincount(group, known, minlength=prompts_here), 1)
    mean = np.bincount(group, np.where(known, strength, 0.0), minlength=prompts_here) / count
    return strength - mean[group], np.sqrt(variance)


def _line(found: Consensus, values: Mapping[Basis, tuple[np.ndarray, np.ndarray]], row: int, place: int) -> Line:
    bars = [
        _bar(float(values[basis][0][row]), float(values[basis][1][row])) if found.known[basis][row] else None
        for basis in BASES
    ]
    return Line(int(found.layout.sample[row]), place, bars)


def _bar(mean: float, sd: float) -> Bar:
    def place(value: float) -> float:
        return round(50 + 50 * min(max(value / REACH, -1.0), 1.0), 2)

    return Bar(
        place(mean),
        place(mean - _WIDE * sd),
        place(mean + _WIDE * sd),
        f"{mean:+.2f} ± {_WIDE * sd:.2f}".replace("-", "−"),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


# -- what machines and people count for -------------------------------------------------------------------------------


@dataclass(frozen=True)
class MachineRow:
    """One column of a machine: what it counts for and why, in words."""

    name: str
    is_heard: bool
    weight: str
    why: str
    votes: int
    loss: str
    kin: str


@dataclass(frozen=True)
class BinRow:
    """Votes of one range: what was said, what came; widths of bars in per cent."""

    said: str
    came: str
    votes: int
    said_width: float
    came_width: float


@dataclass(frozen=True)
class Machines:
    rows: list[MachineRow]
    verdict: str
    facts: list[tuple[str, str]]
    bins: list[BinRow]


def machines(found: Counted, raters: Mapping[int, Rater]) -> Machines:
    block = found.learnt.block
    bins = block.tested.bins if block.tested else ()
    return Machines(
        rows=[_machine(one, raters) for one in block.weights],
        verdict=_verdict(block),
        facts=_facts(found),
        bins=[
            BinRow(
                _percent(one.said),
                _percent(one.came),
                round(one.votes),
                round(200 * (one.said - 0.5), 1),
                round(200 * max(one.came - 0.5, 0.0), 1),
            )
            for one in bins
        ],
    )


def _kept_from(rater: Rater | None, prompts: int) -> str:
    """Why a machine is not heard on some prompts."""
    if rater is not None and (rater.kind == Rater.Kind.HEAD or "fitted_on" in rater.identity):
        words = ngettext(
            "kept from %(count)d prompt it was fitted on", "kept from %(count)d prompts it was fitted on", prompts
        )
    else:
        words = ngettext(
            "kept from %(count)d prompt of its own family", "kept from %(count)d prompts of its own family", prompts
        )
    return words % {"count": prompts}


def _machine(one: Weight, raters: Mapping[int, Rater]) -> MachineRow:
    rater = raters.get(one.column.rater_id)
    source = one.column.column
    said = _("its verdicts") if source == VERDICTS else source.removeprefix("scores:")
    kin = _kept_from(rater, one.kin_prompts) if one.kin_prompts else ""
    return MachineRow(
        name=f"{rater.name if rater else one.column.rater_id} · {said}",
        is_heard=one.weight != 0,
        weight=f"{one.weight:+.3f}".replace("-", "−") if one.weight else "0",
        why=str(_WHY[one.verdict]),
        votes=one.votes,
        loss=f"{one.tested.log_loss:.3f}" if one.tested else "–",
        kin=kin,
    )


_WHY: dict[Verdict, str | Promise] = {
    Verdict.WEIGHED: gettext_lazy("surely better than tossing a coin, on votes it was not fitted on"),
    Verdict.TOO_FEW_VOTES: gettext_lazy("fewer than 125 votes of people on pairs it speaks about"),
    Verdict.NOT_BETTER: gettext_lazy("not surely better than tossing a coin, so it counts for nothing"),
    Verdict.SILENT: gettext_lazy("says nothing"),
}


def _verdict(block: Block) -> str:
    if block.is_heard:
        return _("Machines set where a prompt begins; votes of people move it from there. They decide nothing alone.")
    if not block.weights:
        return _("No machine says anything of these samples.")
    return _("No machine counts here: what they are worth is learnt from votes of people alone.")


def _facts(found: Counted) -> list[tuple[str, str]]:
    learnt, block = found.learnt, found.learnt.block
    width = learnt.width
    spread = (
        _("%(sd).2f logits (%(low).2f to %(high).2f)") % {"sd": width.sd, "low": width.low, "high": width.high}
        if width
        else _("taken as %(sd).1f logits: fewer than 100 pairs were judged by two people") % {"sd": USUAL_WIDTH}
    )
    facts = [
        (_("Votes"), _("%(votes)s of %(people)s people") % {"votes": f"{learnt.votes:,}", "people": learnt.people}),
        (_("How far apart samples are"), spread),
        (_("A person says what all would agree on"), _percent(learnt.accuracy)),
        (
            _("Decided"),
            _("the best is ahead of the worst by %(delta)s logits with %(sure)s")
            % {"delta": DELTA, "sure": _percent(SURE)},
        ),
    ]
    if learnt.left_out:
        facts.append(
            (_("Left out"), _("%(count)d people who answer known questions wrong") % {"count": len(learnt.left_out)})
        )
    if block.is_heard and block.tested:
        facts.append(
            (_("Log-loss of the machines"), _("%(loss).3f; a coin has 0.693") % {"loss": block.tested.log_loss})
        )
        facts.append((_("They may say at most"), _("%(most).1f logits of two samples") % {"most": block.most}))
    if block.opinions:
        facts.append(
            (
                _("Independent opinions"),
                _("%(effective).1f of %(machines)d machines (their errors correlate by %(rho).2f)")
                % {
                    "effective": block.opinions.effective,
                    "machines": block.opinions.machines,
                    "rho": block.opinions.correlation or 0.0,
                },
            )
        )
    return facts


def rater_ids(found: Counted) -> Sequence[int]:
    return [one.column.rater_id for one in found.learnt.block.weights]
