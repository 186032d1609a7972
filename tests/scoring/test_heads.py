"""Heads in a project: what they learn from, what they become, how they score, and what they are never asked about."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from curation.actions import consensus, examining, judgements, raters
from curation.consensus.opinions import listen
from curation.consensus.votes import lay_out
from curation.errors import Refused
from curation.models import (
    Job,
    Judgement,
    Prompt,
    PromptLink,
    Rater,
    RaterStanding,
    Score,
    gate_frames,
)
from curation.models.prompt_families import families
from curation.recipes.model import Signal
from scoring import resident
from scoring.actions import starting as scoring_start
from scoring.actions.heads import naming, reading, starting, working
from scoring.actions.heads.starting import Wish
from scoring.heads import labels as labelled
from scoring.models import FittedHead
from tests import factories
from tests.scoring import bare_head, clip_weights, head_scene
from tests.scoring.head_scene import HeadScene
from tests.scoring.job_helpers import work_through

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_loaded():
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def scene(db) -> HeadScene:
    return head_scene.voted()


@pytest.mark.capability("C12")
def test_a_head_on_scores_is_examined_on_prompts_it_never_saw_and_becomes_a_rater(scene):
    head = scene.fit("scores")

    report = head.report
    assert (head.revision, head.labels, head.prompts) == (1, 90, 30)
    assert report["accuracy"]["low"] < 0.9 < report["accuracy"]["high"]
    assert report["accuracy"]["votes"] == 90
    assert [point["labels"] for point in report["curve"]] == sorted(point["labels"] for point in report["curve"])
    assert report["rivals"][0]["label"] == "sharp"
    assert report["rivals"][0]["accuracy"]["value"] > 0.8 > report["rivals"][1]["accuracy"]["value"]
    assert (head.rater.kind, head.rater.name, head.rater.project) == ("head", "head:taste", scene.project)
    votes = set(Judgement.objects.filter(project=scene.project, act="compare").values_list("pk", flat=True))
    fitted_on = head.rater.identity["fitted_on"]
    assert set(fitted_on["judgements"]) == votes
    assert set(fitted_on["prompts"]) == {group[0].prompt_id for group in scene.groups}
    assert fitted_on["digest"] == head.labels_digest
    weights = {one["label"]: one["weight"] for one in report["weighed"]}
    assert weights["sharp"] > 5 * abs(weights["dull"])


def test_what_a_head_reads_weighs_per_deviation_with_constants_that_are_kept(scene):
    head = scene.fit("sharp.sharp")

    (told,) = head.report["weighed"]
    values = [3 * value + 10 for value in scene.sharp.values()]
    assert told["mean"] == pytest.approx(np.mean(values))
    assert told["deviation"] == pytest.approx(np.std(values))
    found = head.head.values(np.array([[values[0]], [values[1]]]))
    assert found[0] - found[1] == pytest.approx(told["weight"] * (values[0] - values[1]) / told["deviation"])


@pytest.mark.capability("C12")
def test_a_head_scores_any_sample_through_an_ordinary_job(scene):
    head = scene.fit("scores")
    newcomer = [factories.sample(factories.prompt(scene.project), text="new") for _ in range(2)]
    scene.column("sharp", [13.0, 7.0], samples=newcomer)
    scene.column("dull", [0.0, 0.0], samples=newcomer)
    silent = factories.sample(factories.prompt(scene.project), text="unscored")

    (job,) = scoring_start.start_scoring(project=scene.project, scorers={"head:taste": {}}, by=None)
    job = work_through(job)

    assert (job.state, job.error) == ("done", "")
    assert job.params["scorers"] == {head.key: {}}
    assert job.params["raters"] == {head.key: head.rater.pk}
    said = dict(Score.objects.filter(rater=head.rater).values_list("sample", "value"))
    assert silent.pk not in said
    assert job.skipped == 1
    assert said[newcomer[0].pk] > said[newcomer[1].pk]
    document = head.head
    weights = dict(zip([one.label for one in document.blocks[0].columns], document.weights, strict=True))
    deviation = dict(zip(weights, document.scale.size, strict=True))
    expected = weights["sharp"] * 6.0 / deviation["sharp"]
    assert said[newcomer[0].pk] - said[newcomer[1].pk] == pytest.approx(expected)
    assert Score.objects.filter(rater=head.rater).first().criterion_version.criterion.key == "head-taste"


def test_fitting_again_makes_another_revision_only_where_something_changed(scene):
    first = scene.fit("scores")
    same = scene.job("scores")
    scene.vote(scene.person("carl"), scene.groups[0][0], scene.groups[0][3], "left")
    second = scene.fit("scores")

    assert (same.result["head"], same.result["is_new"]) == (first.pk, False)
    assert (second.revision, second.labels) == (2, 91)
    assert second.rater_id != first.rater_id
    assert naming.named(scene.project, "head:taste") == second
    assert naming.named(scene.project, "head:taste@1") == first
    assert naming.named(scene.project, first.key) == first
    with pytest.raises(Refused, match="There are: head:taste"):
        naming.named(scene.project, "head:tase")


def test_a_head_of_another_project_does_not_score_here(scene):
    head = scene.fit("scores")
    other = factories.project(task="text")

    with pytest.raises(Refused, match="There is no head"):
        scoring_start.start_scoring(project=other, scorers={head.key: {}}, by=None)


def test_votes_taken_back_quarantined_or_made_to_examine_are_not_learnt_from(scene):
    anne = scene.person("anne")
    gone = scene.vote(anne, scene.groups[0][0], scene.groups[0][3], "left")
    judgements.retract(judgements=list(Judgement.objects.filter(pk=gone)), reason="retracted", by=None)
    gold = scene.vote(anne, scene.groups[1][0], scene.groups[1][3], "left", purpose="gold")
    bad = scene.vote(scene.person("bert"), scene.groups[2][0], scene.groups[2][3], "both-bad")
    carl = scene.person("carl")
    quarantined = scene.vote(carl, scene.groups[3][0], scene.groups[3][3], "left")
    since = Judgement.objects.get(pk=quarantined).at
    state = RaterStanding.State.QUARANTINED
    raters.set_standing(project=scene.project, rater=carl, state=state, since=since, reason="asleep", by=None)

    head = scene.fit("scores")

    assert head.labels == 90
    assert not {gone, gold, bad, quarantined} & set(head.rater.identity["fitted_on"]["judgements"])
    assert head.report["apart"] == {"both-bad": 1, "purpose": 1, "quarantined": 1, "retracted": 1}


def test_labels_whose_samples_lack_a_score_are_left_out_and_counted(scene):
    lacking = scene.groups[0][1].pk
    scene.column("half", [1.0 * n for n in range(119)], samples=[s for s in scene.samples if s.pk != lacking])

    head = scene.fit("sharp.sharp", "half.half")

    assert head.labels == 88
    assert head.report["apart"] == {"no-score": 2}


def test_a_rater_who_answers_like_a_coin_counts_for_less(scene):
    rng = np.random.default_rng(6)
    monkey = scene.person("monkey")
    for group in scene.groups:
        for left, right in [(0, 1), (2, 3), (1, 2), (0, 3), (0, 2), (1, 3)]:
            scene.vote(monkey, group[left], group[right], "left" if rng.random() < 0.5 else "right")

    labels = reading.taught(project=scene.project, criterion="overall", voters="people", form="pairs").labels
    slopes = dict(zip(labels.rater.tolist(), labelled.slopes(labels).tolist(), strict=True))

    assert slopes[monkey.pk] < 0.5 * slopes[scene.person("anne").pk]


def test_ratings_make_a_head_that_gives_the_level_to_be_expected(scene):
    rng = np.random.default_rng(9)
    anne = scene.person("anne")
    for sample in scene.samples:
        scene.rate(anne, sample, float(np.clip(round(3 + scene.sharp[sample.pk] + 0.3 * rng.normal()), 1, 5)))

    head = scene.fit("scores", form="ratings")
    (job,) = starting.score_with(head=head, by=None)
    work_through(job)

    values = {row.sample_id: row.value for row in Score.objects.filter(rater=head.rater)}
    rated = np.array([[values[pk], 3 + scene.sharp[pk]] for pk in values])
    assert head.report["accuracy"]["low"] > 0.8
    assert (rated[:, 0] >= 1).all()
    assert (rated[:, 0] <= 5).all()
    assert np.abs(rated[:, 0] - np.clip(rated[:, 1], 1, 5)).mean() < 0.4
    version = Score.objects.filter(rater=head.rater).first().criterion_version
    assert (version.low, version.high, version.unit) == (1, 5, "expected level")


def test_a_head_that_reads_scores_names_their_raters_as_its_members(scene):
    head = scene.fit("scores")

    assert set(head.rater.members.values_list("member__name", flat=True)) == {"sharp", "dull"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"name": "Taste!"}, "no name for a head"),
        ({"criterion": "beauty"}, "no criterion “beauty”"),
        ({"features": ("nobody.nothing",)}, "There is no score “nobody.nothing”"),
        ({"features": ()}, "Name what the head is to look at"),
        ({"voters": "judges"}, "no label under “overall” by judges"),
        ({"form": "ratings"}, "no label under “overall” by people"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_a_job_begins(scene, wish, words):
    plain = {"name": "taste", "criterion": "overall", "features": ("scores",)}

    with pytest.raises(Refused, match=words):
        starting.start_fit(project=scene.project, wish=Wish(**{**plain, **wish}), by=None)

    assert not Job.objects.filter(kind="fit").exists()


def test_too_few_labels_end_the_job_in_words(db):
    few = head_scene.voted(prompts=3)

    job = few.job("scores")

    assert job.state == "failed"
    assert "9 labels on 3 prompts are too few" in job.error
    assert not FittedHead.objects.exists()
    assert not Rater.objects.filter(kind="head").exists()


def test_scores_that_never_differ_end_the_job_in_words(scene):
    scene.column("flat", [1.0] * len(scene.samples))

    job = scene.job("flat.flat")

    assert job.state == "failed"
    assert "No feature differs" in job.error


def test_nothing_but_ties_ends_the_job_in_words(db):
    made = head_scene.voted()
    Judgement.objects.filter(project=made.project, act="compare").delete()
    for group in made.groups:
        made.vote(made.person("anne"), group[0], group[1], "tie")

    job = made.job("scores")

    assert "All 30 labels say the same" in job.error


def test_a_cancelled_fit_writes_nothing(scene, monkeypatch):
    job = starting.start_fit(project=scene.project, wish=Wish("taste", "overall", ("scores",)), by=None)

    def cancel_first(*args, **kwargs):
        scoring_start.cancel(job=job, by=None)
        return _fit(*args, **kwargs)

    _fit = working.fitting.fit
    monkeypatch.setattr(working.fitting, "fit", cancel_first)
    working.run_job(job_id=job.pk)

    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not FittedHead.objects.exists()


def test_a_fit_delivered_twice_makes_one_head(scene):
    job = starting.start_fit(project=scene.project, wish=Wish("taste", "overall", ("scores",)), by=None)

    working.run_job(job_id=job.pk)

    assert working.run_job(job_id=job.pk) is None
    assert FittedHead.objects.count() == 1


# -- on embeddings ----------------------------------------------------------------------------------------------------


@pytest.mark.capability("C12")
def test_a_head_on_embeddings_scores_pictures_with_its_own_encoder(tmp_path):
    scene = head_scene.pictured(tmp_path)
    settings = {"clipscore": {"source": str(tmp_path)}}

    head = scene.fit("clipscore", settings=settings)
    (job,) = starting.score_with(head=head, by=None)
    job = work_through(job)

    assert (job.state, job.error, job.done) == ("done", "", 40)
    assert head.report["counts"]["features"] == 48
    said = dict(Score.objects.filter(rater=head.rater).values_list("sample", "value"))
    right = [
        (said[group[left].pk] > said[group[right].pk]) == _is_left(scene, group[left].pk, group[right].pk)
        for group in scene.groups
        for left, right in [(0, 1), (2, 3), (0, 2), (1, 3)]
    ]
    assert np.mean(right) > 0.8  # of the labels it was fitted on
    assert job.queue == "gpu"


def _is_left(scene: HeadScene, left: int, right: int) -> bool:
    act = Judgement.objects.get(
        project=scene.project, comparisons__left_sample=left, comparisons__right_sample=right
    ).comparisons.get()
    return act.outcome == "left"


def test_another_encoder_than_it_was_fitted_with_is_refused(tmp_path):
    scene = head_scene.pictured(tmp_path)
    head = scene.fit("clipscore", settings={"clipscore": {"source": str(tmp_path)}})
    resident.forget()
    clip_weights.make(tmp_path, seed=8)

    (job,) = starting.score_with(head=head, by=None)
    job = work_through(job)

    assert job.state == "failed"
    assert "encoder is not the one" in job.error
    assert not Score.objects.filter(rater=head.rater).exists()


# -- never its own witness --------------------------------------------------------------------------------------------


@pytest.fixture
def partly(db) -> HeadScene:
    """Thirty prompts of which twenty are labelled."""
    return head_scene.voted(labelled=20)


@pytest.fixture
def scored(partly) -> FittedHead:
    """A head that was fitted on the first twenty prompts and has scored all thirty; then the others are labelled."""
    head = partly.fit("scores")
    (job,) = starting.score_with(head=head, by=None)
    work_through(job)
    partly.label(partly.groups[20:], noise=0.1, rng=np.random.default_rng(12))
    return head


@pytest.mark.capability("C12")
def test_a_head_is_not_asked_about_prompts_it_was_fitted_on(partly, scored):
    column = f"{scored.rater.pk}:scores:head-taste"

    found = examining.make(project=partly.project, choice=examining.Choice(columns=(column,))).found

    (tested,) = found.machines
    assert (tested.accuracy.votes, tested.accuracy.prompts, tested.fitted) == (30, 10, 60)


@pytest.mark.capability("C12")
def test_prompts_that_belong_with_those_it_was_fitted_on_count_as_seen(partly):
    """The 20th prompt is a rewrite of the first, the 21st asks about the second's picture, the 22nd is as the third."""
    first = [group[0].prompt for group in partly.groups]
    PromptLink.objects.create(project=partly.project, prompt=first[20], origin=first[0], relation="rewrite")
    PromptLink.objects.create(
        project=partly.project, prompt=first[23], origin=first[3], relation="contrast", operator="count"
    )
    picture = factories.asset(kind="file")  # one without bytes that a worker would look for
    for prompt in (first[1], first[21]):
        factories.place(prompt, picture, role="source")
    Prompt.objects.filter(pk__in=[first[2].pk, first[22].pk]).update(text="a red boat on a quiet lake")

    head = partly.fit("scores")
    partly.label(partly.groups[20:], noise=0.1, rng=np.random.default_rng(12))
    (job,) = starting.score_with(head=head, by=None)
    work_through(job)

    assert head.rater.identity["fitted_on"]["prompts"] == [prompt.pk for prompt in first[:23]]
    assert head.prompts == head.report["counts"]["prompts"] == 20
    column = f"{head.rater.pk}:scores:head-taste"
    (tested,) = examining.make(project=partly.project, choice=examining.Choice(columns=(column,))).found.machines
    assert (tested.accuracy.prompts, tested.fitted) == (7, 69)


def test_a_head_is_examined_on_families_it_never_saw(scene, django_assert_num_queries):
    """Ten prompts ask about one picture, so there are twenty-one families of thirty prompts."""
    picture = factories.asset()
    for group in scene.groups[:10]:
        factories.place(group[0].prompt, picture, role="source")

    head = scene.fit("scores")

    counts, accuracy = head.report["counts"], head.report["accuracy"]
    assert (counts["prompts"], counts["families"]) == (30, 21)
    assert (accuracy["prompts"], accuracy["families"]) == (30, 21)
    with django_assert_num_queries(5):  # three tables, and the beginning and end of what they are read in
        found = families(scene.project.pk)
    assert found.prompt.tolist() == [group[0].prompt_id for group in scene.groups[:10]]


def test_a_head_has_no_say_in_the_consensus_on_prompts_it_was_fitted_on(partly, scored):
    # As one on embeddings, which has no members; beside those that speak for themselves it would not be heard at all.
    scored.rater.members.all().delete()
    signal = Signal("consensus", "overall", numbers=("head-taste",))

    told = consensus.read(partly.project, signal)

    own = told.related.filter(told.related["rater_id"] == scored.rater.pk)
    assert set(own["prompt_id"]) == {group[0].prompt_id for group in partly.groups[:20]}
    said = listen(told, lay_out(told))
    place = [column.rater_id for column in said.columns].index(scored.rater.pk)
    layout = lay_out(told)
    heard = set(layout.prompt[layout.group[said.known[:, place]]].tolist())
    assert heard == {group[0].prompt_id for group in partly.groups[20:]}


def test_the_gate_and_the_consensus_read_what_a_head_and_ensembles_around_it_were_fitted_on(partly, scored):
    panel = raters.ensemble(
        name="panel", members=[scored.rater, Rater.objects.get(name="dull")], project=partly.project
    )
    outer = raters.ensemble(name="outer", members=[panel, Rater.objects.get(name="sharp")], project=partly.project)

    found = gate_frames.fitted([scored.rater.pk, panel.pk, outer.pk, partly.person("anne").pk])
    told = consensus.read(partly.project, Signal("consensus", "overall", numbers=("head-taste",)))

    prompts = {group[0].prompt_id for group in partly.groups[:20]}
    expected = {(rater, prompt) for rater in (scored.rater.pk, panel.pk, outer.pk) for prompt in prompts}
    assert set(found.rows()) == expected
    assert set(told.related.rows()) == expected


# -- what the database forbids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"revision": 1}, "fitted_head_revision_once"),
        ({"revision": 0}, "fitted_head_revision_from_one"),
        ({"form": "songs"}, "fitted_head_form_known"),
        ({"labels": 0}, "fitted_head_saw_labels"),
    ],
)
def test_the_database_refuses_heads_that_cannot_be(change, constraint):
    head = bare_head.head_that_saw(factories.sample(factories.prompt(factories.project()), text="t"))
    another = factories.rater(head.project, "head:taste", kind="head", identity_digest="f" * 64)
    head.pk, head.rater, head.revision = None, another, 2
    for name, value in change.items():
        setattr(head, name, value)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        head.save(force_insert=True)
