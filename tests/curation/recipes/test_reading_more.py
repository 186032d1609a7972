"""What only some recipes read: sizes, lengths, spreads, scales and looks, from the database to a verified version."""

from __future__ import annotations

import pytest

from curation.actions import criteria, judgements, raters, verifying, version_files
from curation.actions.export_rows import Options
from curation.actions.export_source import source_of
from curation.actions.judgements import Act, NewScore
from curation.exports.writing import write_export
from curation.media.fingerprint import fingerprint
from curation.models import DatasetVersion, Rater
from curation.models.evidence_frames import read_evidence
from curation.recipes import frames
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of
from tests.curation.media.drawn import encoded, scene
from tests.curation.recipes.test_building import Scene, _subject

pytestmark = pytest.mark.django_db

MORE = ("facts", "fingerprints", "scales", "spreads")


def read(of: Scene, *more: str):
    return read_evidence(project_id=of.project.pk, dataset_id=None, scored=["points"], voted=[], more=more)


def spoken(of: Scene, group: int, sample: int, value: float, spread: float | None, number: int | None = None) -> None:
    said = NewScore(_subject(of.groups[group][sample]), number or of.points.pk, value, spread)
    judgements.record(project=of.project, acts=[Act(rater_id=of.machine.pk, act="pass", scores=[said])])


def test_sizes_lengths_and_looks_of_what_is_shown():
    made = Scene(prompts=1, with_pictures=False)
    picture = scene(4, (300, 200))
    painted = factories.sample(made.groups[0][0].prompt)
    asset = factories.stored(encoded(picture, "PNG"), "a.png")
    factories.place(painted, asset)
    film = factories.sample(made.groups[0][0].prompt, text="two  words\n")
    factories.place(film, factories.asset(kind="video", duration_us=2_500_000, fps=24.0, frames=60))

    found = read(made, *MORE)

    told = {row.pop("sample_id"): row for row in found.facts.to_dicts()}
    assert found.facts.schema == frames.FACTS
    assert told[painted.pk] == {
        "width": 300,
        "height": 200,
        "aspect": 1.5,
        "duration": None,
        "fps": None,
        "frames": None,
        "media": 1,
        "bytes": asset.size,
        "characters": None,
        "words": None,
    }
    assert (told[film.pk]["duration"], told[film.pk]["fps"], told[film.pk]["frames"]) == (2.5, 24.0, 60)
    assert (told[film.pk]["characters"], told[film.pk]["words"]) == (11, 2)
    first = told[made.groups[0][0].pk]
    assert (first["width"], first["media"], first["words"]) == (None, None, len(made.groups[0][0].text.split()))
    assert found.fingerprints.rows() == [(painted.pk, 0, fingerprint([picture]))]
    assert found.fingerprints.schema == frames.FINGERPRINTS


def test_spreads_and_scales_and_nothing_of_it_unless_it_is_asked_for():
    made = Scene(prompts=1, with_pictures=False)
    levels = [{"value": 1, "label": "poor"}, {"value": 5, "label": "good"}]
    criteria.ensure(
        project=made.project, key="stars", wording=criteria.Wording("Stars", scale="ordinal", levels=levels)
    )
    spoken(made, 0, 0, 0.5, 0.125)
    spoken(made, 0, 1, 0.5, None)

    found, plain = read(made, *MORE), read(made)

    assert found.spreads["spread"].to_list() == [0.125]
    assert found.spreads["judgement_id"].to_list() == found.scores["judgement_id"].to_list()[:1]
    scales = {row["criterion"]: (row["low"], row["high"]) for row in found.scales.to_dicts()}
    assert scales["stars"] == (1.0, 5.0)
    assert scales["points"] == (None, None)
    for name in MORE:
        assert getattr(plain, name).height == 0


RECIPE = """
recipe: 1
title: All of it
seed: 2
filters:
  - {name: large, by: {fact: width}, at_least: 100}
  - {name: sure, by: {scores: points}, spread_at_most: 0.2}
near_duplicates: {keep_best_by: {scores: points}}
difficulty:
  by: {scores: points}
  bands: [{name: hard, below: 0.5}, {name: easy}]
pairing:
  rule: best_against_worst
  by: {reward: {name: total, members: [{scores: points, transform: [percentile]}], total: {rule: sum}}}
strength: {by: gap, ambiguous_below: 0.4, strong_from: 0.6}
balance: {by: band, at_most: 5}
"""


def test_a_version_that_reads_all_of_it_is_frozen_and_verified():
    made = Scene(prompts=2, with_pictures=False)
    made.with_pictures = True
    for number, group in enumerate(made.groups):
        for place, sample in enumerate(group):
            factories.place(sample, factories.stored(encoded(scene(10 * number + place), "PNG"), "a.png"))
            spoken(made, number, place, 0.2 * place + 0.3 * number, 0.1 if place else 0.3)

    version = made.build(RECIPE)

    assert version.pair_count == 2
    assert version.manifest["recipe"]["rules"]["pairing"]["by"]["reward"]["name"] == "total"
    (line,) = (step for step in version.funnel if step["step"] == "strength")
    assert sum(line["figures"]["bands"].values()) == 2
    answer = verifying.verify(version=DatasetVersion.objects.get(pk=version.pk))
    assert answer.outcome == verifying.Outcome.IDENTICAL


BANDED = """
recipe: 1
title: By difficulty
difficulty:
  by: {scores: exact_match}
  measure: pass_rate
  bands: [{name: rl_pool, below: 0.5}, {name: trace_set}]
  keep: [BAND]
pairing: {rule: none}
"""


@pytest.mark.capability("D6")
def test_each_band_is_a_version_of_its_own_and_both_are_exported(tmp_path):
    of = frozen.project("text", prompts=6, samples=3)
    exact = criteria.ensure(project=of, key="exact_match")
    key = raters.machine(kind=Rater.Kind.RULE, name="key", identity={"version": 1})
    passing = {prompt.text: number % 4 for number, prompt in enumerate(of.prompts.order_by("pk"))}
    for prompt in of.prompts.all():
        rows = list(prompt.samples.order_by("pk"))
        said = [
            NewScore(_subject(row), exact.pk, float(place < passing[prompt.text])) for place, row in enumerate(rows)
        ]
        judgements.record(project=of, acts=[Act(key.pk, "pass", scores=said)])

    found = {}
    for band, form in (("rl_pool", "groups"), ("trace_set", "best-of")):
        version = frozen.freeze(of, name=band.replace("_", "-"), recipe=BANDED.replace("BAND", band))
        (line,) = (step for step in version.funnel if step["step"] == "difficulty")
        assert line["figures"]["buckets"] == {"rl_pool": 4, "trace_set": 2}
        samples = version_files.read(version, "samples")
        assert set(samples["bucket"]) == {band}
        folder = tmp_path / band
        options = Options(formats={"groups.equal": "keep"} if form == "groups" else {})
        write_export(source_of(version, place="here", options=options), [form], folder)
        found[band] = {row["prompt_id"] for row in rows_of(folder, form)}

    # Passed by 0 1 2 3 0 1 of three: four prompts are hard, and every prompt is in one of the two files.
    assert (len(found["rl_pool"]), len(found["trace_set"])) == (4, 2)
    assert not found["rl_pool"] & found["trace_set"]
