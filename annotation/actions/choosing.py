"""Choosing what a batch asks about: which samples are looked at, and by which rule they are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from annotation import pair_rules
from annotation.models import candidates as reads
from curation.errors import Refused
from curation.models import Flag, Project, Request, Sample
from curation.models.prompts import Prompt, SampleQuerySet

RULES = {
    "random": gettext_lazy("at random"),
    "round-robin": gettext_lazy("every generator against every other, equally often"),
    "adjacent": gettext_lazy("neighbours in a score: the close calls"),
    "disagreement": gettext_lazy("where machines contradict each other most"),
    "listed": gettext_lazy("a list of your own"),
    "requests": gettext_lazy("open requests to people"),
    "again": gettext_lazy("what was judged under an older guideline"),
}
SHAPES = {
    "pair": gettext_lazy("two samples"),
    "group": gettext_lazy("a group of a fixed size"),
    "all": gettext_lazy("all samples of a prompt"),
    "single": gettext_lazy("one sample"),
}
# Rules that need no more than the samples themselves serve any shape; the others make pairs.
RULES_OF_ANY_SHAPE = ("random", "listed", "requests", "again")
# Their order says something: the sharpest, the most urgent, as listed.
ORDERED_RULES = ("disagreement", "listed", "requests")
# More than a person looks at together.
LARGEST_GROUP = 20
# One transaction writes so many rows in some ten seconds.
MOST_ITEMS = 500_000


@dataclass(frozen=True)
class Filter:
    """Which samples a rule may look at; absent files never count."""

    words: str = ""
    tags: tuple[str, ...] = ()
    generators: tuple[int, ...] = ()
    rounds: tuple[int, ...] = ()
    without_flagged: bool = True
    without_judged: bool = False


@dataclass(frozen=True)
class Plan:
    """How the items of a batch are chosen; kept with the batch and told on its page.

    `columns` name scores as `rater.criterion`; `judges` are ids of raters; `batch` and `guidelines` are what the rule
    `again` asks about. With `asking` the rule `requests` takes exactly the requests that were made together under it.
    """

    rule: str = "random"
    shape: str = "pair"
    size: int = 4
    per_prompt: int | None = 1
    limit: int | None = 500
    filter: Filter = field(default_factory=Filter)
    columns: tuple[str, ...] = ()
    judges: tuple[int, ...] = ()
    batch: int | None = None
    guidelines: tuple[int, ...] = ()
    asking: int | None = None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Plan:
        known = {name: value for name, value in raw.items() if name in cls.__dataclass_fields__}
        narrowed = {name: _plain(value) for name, value in known.pop("filter", {}).items()}
        return cls(**{name: _plain(value) for name, value in known.items()}, filter=Filter(**narrowed))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Chosen:
    """`sets`: `pair_rules.SETS` in the order of asking, with the column `request` (id or null); `notes`: what was
    passed over, in words."""

    sets: pl.DataFrame
    notes: tuple[str, ...] = ()


def choose(
    *,
    project: Project,
    plan: Plan,
    seed: int,
    earlier: pl.DataFrame | None = None,
    listed: pl.DataFrame | None = None,
) -> Chosen:
    """Draws sets of samples by a plan.

    Args:
        seed: the draw repeats itself exactly with the same seed over the same samples.
        earlier: sets of the batch so far, which are not chosen again.
        listed: what the list of the rule `listed` names (`annotation.actions.listing`).

    Raises:
        Refused: the plan names something that is not here, or asks for more than fits.
    """
    _check(plan)
    taken = pl.DataFrame(schema=pair_rules.EARLIER) if earlier is None else earlier
    if plan.shape == "pair" and plan.filter.without_judged:
        taken = pl.concat([taken, reads.judged_pairs(project)])
    if plan.rule == "listed":
        chosen = _listed(listed, taken)
    elif plan.rule == "requests":
        chosen = _requested(project, plan, taken)
    else:
        chosen = Chosen(_by_rule(project, plan, np.random.default_rng(seed), taken))
    rng = np.random.default_rng([seed, 1])
    sets = pair_rules.limited(chosen.sets, plan.limit, by_rank=plan.rule in ORDERED_RULES, rng=rng)
    if sets.height > MOST_ITEMS:
        raise Refused(
            _("That would be %(number)s items; a batch has at most %(most)s. Narrow the samples, or name a limit.")
            % {"number": f"{sets.height:,}", "most": f"{MOST_ITEMS:,}"}
        )
    if "request" not in sets.columns:
        sets = sets.with_columns(request=pl.lit(None, pl.Int64))
    return replace(chosen, sets=sets)


def _check(plan: Plan) -> None:
    if plan.rule not in RULES or plan.shape not in SHAPES:
        raise Refused(_("There is no rule “%(rule)s” for “%(shape)s”.") % {"rule": plan.rule, "shape": plan.shape})
    if plan.shape != "pair" and plan.rule not in RULES_OF_ANY_SHAPE:
        raise Refused(
            _("The rule “%(rule)s” makes pairs. For %(shape)s choose at random, a list, or requests.")
            % {"rule": RULES[plan.rule], "shape": SHAPES[plan.shape]}
        )
    if plan.shape == "group" and not 3 <= plan.size <= LARGEST_GROUP:
        raise Refused(
            _("A group has 3 to %(most)d samples, not %(size)d.") % {"most": LARGEST_GROUP, "size": plan.size}
        )
    if plan.rule == "adjacent" and len(plan.columns) != 1:
        raise Refused(_("Choose the one score by which samples are neighbours."))
    if plan.rule == "disagreement" and len(plan.columns) + len(plan.judges) < 2:
        raise Refused(_("Choose at least two scores or judges; one cannot contradict itself."))


def _by_rule(project: Project, plan: Plan, rng: np.random.Generator, earlier: pl.DataFrame) -> pl.DataFrame:
    if plan.rule == "again":
        return _answered_before(project, plan, rng, earlier)
    found = reads.candidates(samples(project, plan.filter))
    try:
        if plan.rule == "round-robin":
            return pair_rules.round_robin(found, most=plan.per_prompt, earlier=earlier, rng=rng)
        if plan.rule == "adjacent":
            values = _column(project, plan.columns[0])
            return pair_rules.adjacent(found, values, most=plan.per_prompt, earlier=earlier, rng=rng)
        if plan.rule == "disagreement":
            scores = [_column(project, column) for column in plan.columns]
            verdicts = reads.leans(project, plan.judges)
            return pair_rules.disagreement(found, scores, verdicts, most=plan.per_prompt, earlier=earlier)
        if plan.shape == "all":
            return pair_rules.whole_prompts(found, largest=LARGEST_GROUP, earlier=earlier, rng=rng)
        size = {"pair": 2, "single": 1}.get(plan.shape, plan.size)
        return pair_rules.random_sets(found, size=size, most=plan.per_prompt, earlier=earlier, rng=rng)
    except pair_rules.TooMany as error:
        raise Refused(str(error)) from error


def _listed(listed: pl.DataFrame | None, earlier: pl.DataFrame) -> Chosen:
    if listed is None:
        raise Refused(_("Give the list: the samples of one item a line."))
    fresh = listed.join(earlier, on=["prompt", "samples"], how="anti")
    known = listed.height - fresh.height
    note = ngettext("%(number)d set is asked about already.", "%(number)d sets are asked about already.", known)
    return Chosen(fresh.select(list(pair_rules.SETS)), (note % {"number": known},) if known else ())


def samples(project: Project, narrowed: Filter) -> SampleQuerySet:
    """The project's present samples that pass the filter."""
    rows = Sample.objects.filter(project=project).present()
    if narrowed.words:
        prompts = Prompt.objects.filter(project=project).search(narrowed.words)
        rows = rows.filter(prompt__in=prompts.values("pk"))
    if narrowed.tags:
        rows = rows.filter(prompt__tags__overlap=list(narrowed.tags))
    if narrowed.generators:
        rows = rows.filter(generator__in=narrowed.generators)
    if narrowed.rounds:
        rows = rows.filter(round__in=narrowed.rounds)
    if narrowed.without_flagged:
        flagged = Flag.objects.filter(is_retracted=False, sample__project=project)
        rows = rows.exclude(pk__in=flagged.values("sample_id"))
    return rows


def _column(project: Project, key: str) -> pl.DataFrame:
    rater, _dot, criterion = key.partition(".")
    if not (rater.isdecimal() and criterion.isdecimal()):
        raise Refused(_("“%(key)s” is no score of this project. Choose one from the list.") % {"key": key})
    return reads.values(project, int(rater), int(criterion))


def _answered_before(project: Project, plan: Plan, rng: np.random.Generator, earlier: pl.DataFrame) -> pl.DataFrame:
    """What was answered under older guidelines, of the shape the plan names, in an order drawn at random."""
    sets = reads.answered_sets(project, plan.guidelines, plan.batch)
    length = pl.col("samples").list.len()
    fitting = {"pair": length == 2, "single": length == 1}.get(plan.shape, length > 1)
    sets = sets.filter(fitting).join(earlier, on=["prompt", "samples"], how="anti").sort("prompt", "samples")
    ranks = pl.Series("rank", rng.random(sets.height), dtype=pl.Float64)
    return sets.with_columns(ranks, probability=pl.lit(None, pl.Float64)).select(list(pair_rules.SETS))


# -- requests ---------------------------------------------------------------------------------------------------------


def _requested(project: Project, plan: Plan, earlier: pl.DataFrame) -> Chosen:
    """Open requests to people, the most urgent first. Those that do not fit the shape are counted and left open."""
    rows = Request.objects.filter(project=project, audience=Request.Audience.PEOPLE).open()
    if plan.asking is not None:
        rows = rows.filter(asking=plan.asking)
    asked = list(rows.order_by("-priority", "pk").values_list("pk", "prompt_id", "left_sample_id", "right_sample_id"))
    allowed = samples(project, plan.filter).filter(prompt__in={row[1] for row in asked})
    groups: dict[int, list[int]] = {}
    for sample_id, prompt_id in allowed.order_by("pk").values_list("pk", "prompt_id"):
        groups.setdefault(prompt_id, []).append(sample_id)
    present = {sample_id for group in groups.values() for sample_id in group}
    seen = {(prompt, tuple(ids)) for prompt, ids in earlier.select("prompt", "samples").iter_rows()}
    lines: list[tuple[int, list[int], None, float, int]] = []
    passed = 0
    for pk, prompt, left, right in asked:
        wanted = _asked_set(plan, left, right, groups.get(prompt, []), present)
        if wanted is None or (prompt, wanted) in seen:
            passed += 1
            continue
        seen.add((prompt, wanted))
        lines.append((prompt, list(wanted), None, float(len(lines)), pk))
    schema = pl.Schema({**pair_rules.SETS, "request": pl.Int64()})
    note = ngettext(
        "%(number)d request does not fit and stays open.", "%(number)d requests do not fit and stay open.", passed
    )
    return Chosen(pl.DataFrame(lines, schema=schema, orient="row"), (note % {"number": passed},) if passed else ())


def _asked_set(
    plan: Plan, left: int | None, right: int | None, group: Sequence[int], present: set[int]
) -> tuple[int, ...] | None:
    """The samples a request is about, in the shape of the plan; None where it does not fit it."""
    named = tuple(sorted(pk for pk in (left, right) if pk is not None))
    if not set(named) <= present:
        return None
    if plan.shape == "pair":
        return named if len(named) == 2 else None
    if plan.shape == "single":
        return named if len(named) == 1 else None
    whole = tuple(group)[:LARGEST_GROUP]
    return whole if len(whole) > 1 else None
