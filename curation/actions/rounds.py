"""A scorer's ranking compared between the rounds of a project's samples, or between its own revisions."""

from __future__ import annotations

import polars as pl
from django.utils.translation import gettext as _

from curation.actions import datasets
from curation.errors import Refused
from curation.examination.rounds import RankAgreement, rank_agreement
from curation.models import Criterion, Project
from curation.recipes.model import Filter, Pairing, Recipe, Signal
from curation.recipes.steps import evidence

# What is ranked: the mean value of each prompt, of each generator, or each sample by itself.
UNITS = {"prompts": "prompt_id", "generators": "generator", "samples": "sample_id"}


def compare(*, project: Project, criterion: str, over: str = "prompts", revisions: bool = False) -> list[RankAgreement]:
    """The rank agreement of every scorer on a criterion, between every two rounds.

    What counts is what a recipe would count: nothing retracted, quarantined, or made to examine a rater; each sample
    under its own prompt.

    Args:
        over: a key of `UNITS`. A sample is of one round only, so samples serve for revisions.
        revisions: compare the revisions of each scorer over what they both scored, in place of the rounds of samples.

    Raises:
        Refused: the criterion or the unit is unknown, samples are to be compared between rounds, or nothing was scored.
    """
    if over not in UNITS:
        raise Refused(_("“%(unit)s” cannot be ranked. Use %(known)s.") % {"unit": over, "known": ", ".join(UNITS)})
    if over == "samples" and not revisions:
        raise Refused(_("A sample is of one round. Compare prompts or generators, or the scorer's revisions."))
    known = set(Criterion.objects.filter(project=project).values_list("key", flat=True))
    if criterion not in known:
        raise Refused(
            _("There is no criterion “%(key)s” here. Known: %(known)s.")
            % {"key": criterion, "known": ", ".join(sorted(known)) or _("none")}
        )
    return rank_agreement(_values(project, criterion, UNITS[over], revisions=revisions))


def _values(project: Project, criterion: str, unit: str, *, revisions: bool) -> pl.DataFrame:
    signal = Signal("scores", criterion)
    rule = Recipe(title="rounds", pairing=Pairing(rule="none"), filters=(Filter("scored", by=signal),))
    read, _step = evidence.read(rule, datasets.read_for(project, rule, None).sorted())
    samples = read.evidence.samples.select("sample_id", "prompt_id", "round", "generator")
    said = read.about(criterion, read.evidence.scores).join(samples, on=["sample_id", "prompt_id"])
    if not said.height:
        raise Refused(_("Nobody scored “%(key)s” here yet.") % {"key": criterion})
    if revisions:
        return said.select("rater", "value", round=pl.col("revision").str.slice(0, 8), unit=unit)
    return said.select("value", "round", rater="label", unit=unit)
