"""A scorer's ranking between rounds, against scipy."""

from __future__ import annotations

from io import StringIO

import numpy as np
import polars as pl
import pytest
from django.core.management import CommandError, call_command
from scipy import stats

from curation.actions import criteria, judgements, raters
from curation.actions.judgements import Act, NewScore, Subject
from curation.examination.rounds import rank_agreement
from curation.models import Rater
from tests import factories


def table(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["rater", "round", "unit", "value"], orient="row")


@pytest.mark.capability("A9")
def test_rank_agreement_is_scipys_over_the_shared_prompts():
    random = np.random.default_rng(7)
    first, second = random.integers(0, 9, 40), random.integers(0, 9, 40)
    rows = [("m", 0, n, float(v)) for n, v in enumerate(first)]
    rows += [("m", 1, n, float(v)) for n, v in enumerate(second) if n >= 5]
    rows += [("m", 1, 99, 3.0)]  # scored in one round only

    (found,) = rank_agreement(table(rows).sample(fraction=1, shuffle=True, seed=1))

    assert (found.rater, found.first, found.second, found.units) == ("m", "0", "1", 35)
    assert found.spearman == pytest.approx(stats.spearmanr(first[5:], second[5:]).statistic, abs=1e-12)
    assert found.kendall == pytest.approx(stats.kendalltau(first[5:], second[5:]).statistic, abs=1e-12)


def test_several_values_of_a_unit_are_averaged_and_raters_stay_apart():
    rows = [("a", 0, 1, 1.0), ("a", 0, 1, 5.0), ("a", 0, 2, 2.0), ("a", 0, 3, 1.0)]
    rows += [("a", 1, 1, 9.0), ("a", 1, 2, 8.0), ("a", 1, 3, 7.0), ("b", 0, 1, 1.0), ("b", 1, 1, 1.0)]

    ours, other = rank_agreement(table(rows))

    assert (ours.spearman, ours.kendall) == (pytest.approx(1.0), pytest.approx(1.0))  # 3, 2, 1 and 9, 8, 7
    assert (other.units, other.spearman, other.kendall) == (1, None, None)


def test_where_all_are_equal_there_is_no_rank():
    rows = [("a", r, n, 1.0 if r else float(n)) for r in (0, 1) for n in range(5)]

    (found,) = rank_agreement(table(rows))

    assert (found.units, found.spearman, found.kendall) == (5, None, None)


def scored(values: dict[int, list[float]], revisions: int = 1):
    """A project of prompts with a sample in each round."""
    of = factories.project()
    quality = criteria.ensure(project=of, key="quality")
    samples = []
    for place in range(4):
        prompt = factories.prompt(of)
        samples += [(number, place, factories.sample(prompt, by=f"policy-{place}", round=number)) for number in values]
    for revision in range(revisions):
        machine = raters.machine(kind=Rater.Kind.MODEL, name="scorer", identity={"revision": revision})
        said = [
            NewScore(Subject(s.pk, s.prompt_id), quality.pk, values[n][p] * (-1) ** revision) for n, p, s in samples
        ]
        judgements.record(project=of, acts=[Act(machine.pk, "pass", scores=said)])
    return of


def told(of, *options: str) -> str:
    out = StringIO()
    call_command("rounds", of.slug, *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
@pytest.mark.capability("A9")
@pytest.mark.parametrize("over", ["prompts", "generators"])
def test_the_command_reports_every_two_rounds(over):
    of = scored({0: [1, 2, 3, 4], 1: [1, 2, 4, 3], 3: [4, 3, 2, 1]})

    said = told(of, "--by", "scores:quality", "--over", over)

    assert f"scorer: 0 and 1: Spearman +0.800, Kendall +0.667, over 4 {over}" in said
    assert "scorer: 0 and 3: Spearman -1.000, Kendall -1.000" in said
    assert "scorer: 1 and 3: Spearman -0.800, Kendall -0.667" in said


@pytest.mark.django_db
def test_the_command_compares_revisions_of_a_scorer_over_the_same_samples():
    of = scored({0: [1, 2, 3, 4]}, revisions=2)

    assert "Spearman -1.000, Kendall -1.000, over 4 samples" in told(
        of, "--by", "scores:quality", "--revisions", "--over", "samples"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "quality"], "Write scores:CRITERION"),
        (["--by", "scores:qualty"], "no criterion “qualty” here. Known: overall, quality"),
        (["--by", "scores:overall"], "Nobody scored “overall”"),
        (["--by", "scores:quality", "--over", "samples"], "A sample is of one round"),
    ],
)
def test_the_command_says_what_is_wrong(options, said):
    with pytest.raises(CommandError, match=said):
        told(scored({0: [1, 2, 3, 4]}), *options)
