"""From the database to a frozen version and back: reading, freezing, verifying, withdrawing."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from curation.actions import criteria, datasets, judgements, raters, recipes, verifying, version_files
from curation.actions.judgements import Act, NewComparison, NewFlag, NewScore, Subject
from curation.errors import Refused
from curation.models import DatasetVersion, Job, Judgement, JudgementLink, RaterMember, Sample, SplitAssignment
from curation.models.evidence_frames import read_evidence
from curation.recipes import frames
from tests import factories

pytestmark = pytest.mark.django_db

VOTES = """
recipe: 1
title: Votes
seed: 2
pairing: {rule: judged_pairs, by: {votes: overall}}
split: {shares: {train: 0.5, test: 0.5}}
"""
POINTS = """
recipe: 1
title: Points
seed: 2
pairing: {rule: best_against_worst, by: {scores: points}}
"""


class Scene:
    """A project with prompts of three samples each, a person who votes and a machine that scores."""

    def __init__(self, prompts: int = 4, *, with_pictures: bool = True) -> None:
        self.with_pictures = with_pictures
        self.project = factories.project()
        self.overall = criteria.ensure(project=self.project, key="overall")
        self.points = criteria.ensure(project=self.project, key="points")
        self.ann = factories.rater(self.project, "Ann Smith")
        self.machine = factories.rater(self.project, "scorer", kind="model")
        self.groups: list[list[Sample]] = []
        for number in range(prompts):
            self.add_prompt(f"an unlike wish {'abcdefghijklmnop'[number] * 5} number {number}")

    def add_prompt(self, text: str) -> list[Sample]:
        prompt = factories.prompt(self.project, text)
        if self.with_pictures:
            group = [factories.sample(prompt) for _ in range(3)]
            for sample in group:
                factories.place(sample)
        else:
            group = [factories.sample(prompt, text=f"answer {number} to {text}") for number in range(3)]
        self.groups.append(group)
        return group

    def vote(self, left: Sample, right: Sample, outcome: str, by=None, **facts) -> Judgement:
        said = NewComparison(_subject(left), _subject(right), self.overall.pk, outcome)
        return self._record(Act(rater_id=(by or self.ann).pk, act="compare", comparisons=[said], **facts))

    def score(self, **values: float) -> Judgement:
        """One pass: `score(g0s0=1.0)` names group and sample."""
        said = [NewScore(_subject(self.groups[int(k[1])][int(k[3])]), self.points.pk, v) for k, v in values.items()]
        return self._record(Act(rater_id=self.machine.pk, act="pass", scores=said))

    def _record(self, act: Act) -> Judgement:
        return judgements.record(project=self.project, acts=[act])[0]

    def build(self, text: str = VOTES, name: str = "pairs") -> DatasetVersion:
        recipe = recipes.save(project=self.project, name="r", text=text, by=None)
        job = datasets.order(project=self.project, recipe=recipe, name=name, by=None)
        version = datasets.run_job(job_id=job.pk)
        assert version is not None
        return version

    def vote_all(self) -> list[Judgement]:
        return [self.vote(group[0], group[1], "left") for group in self.groups]


def _subject(sample: Sample) -> Subject:
    return Subject(sample.pk, sample.prompt_id)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def verify(version: DatasetVersion) -> verifying.Answer:
    return verifying.verify(version=DatasetVersion.objects.get(pk=version.pk))


# -- reading ----------------------------------------------------------------------------------------------------------


def test_frames_hold_what_the_database_holds(scene):
    group = scene.groups[0]
    act = scene.vote(group[0], group[1], "left", seconds=2.0)
    scene.score(g0s0=0.1, g0s1=1 / 3)
    judgements.record(
        project=scene.project, acts=[Act(rater_id=scene.ann.pk, act="flag", flags=[NewFlag(group[2].pk, "broken")])]
    )
    scene.groups[1][0].prompt.tags = ["a, b", 'quote "q"']
    scene.groups[1][0].prompt.save()

    read = read_evidence(project_id=scene.project.pk, dataset_id=None, scored=["points"], voted=["overall"])

    assert read.samples.height == 12
    assert read.scores["value"].to_list() == [0.1, 1 / 3]  # to the last bit
    vote = read.comparisons.row(0, named=True)
    assert (vote["judgement_id"], vote["left_id"], vote["outcome"], vote["is_implied"]) == (
        act.pk,
        group[0].pk,
        "left",
        False,
    )
    assert read.judgements.filter(pl.col("judgement_id") == act.pk)["at"].item() == act.at
    assert read.flags.select("sample_id", "flag").row(0) == (group[2].pk, "broken")
    tags = read.prompts.filter(pl.col("prompt_id") == scene.groups[1][0].prompt_id)["prompt_tags"].item()
    assert tags.to_list() == ["a, b", 'quote "q"']
    for name in type(read).__dataclass_fields__:
        assert getattr(read, name).schema == getattr(frames, name.upper()), name


def test_reading_costs_the_same_queries_whatever_the_rows(scene, django_assert_num_queries):
    scene.vote_all()
    # One a table, and a savepoint around them.
    with django_assert_num_queries(15):
        read_evidence(project_id=scene.project.pk, dataset_id=None, scored=["points"], voted=["overall"])


def test_a_preview_reads_some_prompts_and_what_belongs_to_them(scene):
    scene.vote_all()
    scene.score(**{f"g{g}s{s}": float(s) for g in range(4) for s in range(3)})

    read = read_evidence(
        project_id=scene.project.pk, dataset_id=None, scored=["points"], voted=["overall"], most_prompts=2
    )

    assert (read.prompts.height, read.samples.height, read.scores.height, read.comparisons.height) == (2, 6, 6, 2)


# -- freezing ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D2")
def test_a_build_freezes_pairs_evidence_and_funnel(scene):
    scene.vote_all()

    version = scene.build()

    assert (str(version), version.pair_count, version.frozen_at is not None) == ("pairs@1", 4, True)
    pairs = version_files.read(version, "pairs")
    assert set(pairs["chosen_id"]) == {group[0].pk for group in scene.groups}
    assert version.funnel[0]["step"] == "evidence"
    assert version.manifest["counts"]["pairs_by_basis"] == {"people": 4}
    evidence = version_files.read(version, "evidence")
    assert dict(evidence.group_by("kind").len().iter_rows()) == {"prompt": 4, "sample": 12, "comparison": 4}
    assert "Smith" not in str(version.manifest) + str(pairs.to_dicts())
    job = Job.objects.get(pk=version.job_id)
    assert (job.state, job.done, job.total) == ("done", 4, 4)


@pytest.mark.capability("D2")
def test_the_same_recipe_and_evidence_give_the_same_digest_and_the_next_number(scene):
    scene.vote_all()

    first, second = scene.build(), scene.build()

    assert (first.number, second.number) == (1, 2)
    assert first.digest == second.digest
    assert first.pairs_name == second.pairs_name  # one file, named by its content


def test_a_job_delivered_twice_freezes_once(scene):
    scene.vote_all()
    recipe = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    job = datasets.order(project=scene.project, recipe=recipe, name="pairs", by=None)

    first, again = datasets.run_job(job_id=job.pk), datasets.run_job(job_id=job.pk)

    assert first is not None
    assert again is None
    assert DatasetVersion.objects.count() == 1


def test_a_build_whose_worker_died_is_taken_up_by_another(scene):
    scene.vote_all()
    recipe = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    job = datasets.order(project=scene.project, recipe=recipe, name="pairs", by=None)
    Job.objects.filter(pk=job.pk).update(
        state="running", owner="dead", done=2, heartbeat_at=timezone.now() - timedelta(minutes=5)
    )

    version = datasets.run_job(job_id=job.pk)

    assert version is not None
    assert Job.objects.get(pk=job.pk).done == 4


def test_splits_stay_put_from_version_to_version(scene):
    scene.vote_all()
    first = scene.build()
    before = dict(SplitAssignment.objects.values_list("prompt_id", "split"))
    assert set(before.values()) == {"train", "test"}

    late = scene.add_prompt(scene.groups[0][0].prompt.text.upper())  # the same words as an old prompt
    scene.vote(late[0], late[1], "left")
    second = scene.build(VOTES.replace("train: 0.5, test: 0.5", "train: 0.01, test: 0.99"))

    after = dict(SplitAssignment.objects.values_list("prompt_id", "split"))
    assert {pk: after[pk] for pk in before} == before
    assert after[late[0].prompt_id] == before[scene.groups[0][0].prompt_id]
    assert verify(first).outcome == verify(second).outcome == "identical"


def test_a_recipe_with_unknown_names_is_not_saved(scene):
    with pytest.raises(Refused, match="line 5, column 43: There is no criterion 'overal'"):
        recipes.save(project=scene.project, name="r", text=VOTES.replace("overall", "overal"), by=None)


def test_tags_of_prompts_and_of_samples_may_be_named(scene):
    prompt, sample = scene.groups[0][0].prompt, scene.groups[1][0]
    prompt.tags, sample.tags = ["signs"], ["draft"]
    prompt.save()
    sample.save()

    assert recipes.check(project=scene.project, text=VOTES + "candidates: {tags: [signs], without_tags: [draft]}\n")
    with pytest.raises(Refused, match="no tag 'sign' in this project"):
        recipes.check(project=scene.project, text=VOTES + "candidates: {tags: [sign]}\n")


def test_saving_the_same_text_twice_keeps_one_version(scene):
    first = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    again = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    changed = recipes.save(project=scene.project, name="r", text=VOTES.replace("seed: 2", "seed: 3"), by=None)

    assert (first.pk, changed.number) == (again.pk, 2)


def test_a_name_taken_by_another_project_is_refused(scene):
    scene.build()
    other = factories.project()
    recipe = recipes.save(project=other, name="r", text=VOTES, by=None)

    with pytest.raises(Refused, match="another project"):
        datasets.order(project=other, recipe=recipe, name="pairs", by=None)


def test_a_refused_build_says_why_on_its_job(scene):
    group = scene.groups[0]
    judge = factories.rater(scene.project, "judge", kind="model")
    panel = factories.rater(scene.project, "panel", kind="ensemble")
    RaterMember.objects.create(ensemble=panel, member=judge)
    scene.vote(group[0], group[1], "left", by=judge)
    scene.vote(group[0], group[1], "left", by=panel)
    recipe = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    job = datasets.order(project=scene.project, recipe=recipe, name="pairs", by=None)

    with pytest.raises(Refused):
        datasets.run_job(job_id=job.pk)

    job.refresh_from_db()
    assert job.state == "failed"
    assert "'panel' and its member 'judge'" in job.error


# -- verifying --------------------------------------------------------------------------------------------------------


def test_a_rebuild_after_a_thousand_more_votes_is_identical(scene):
    acts = scene.vote_all()
    version = scene.build()
    group = scene.groups[0]
    people = [factories.rater(scene.project, f"Voter {n}") for n in range(250)]
    for left, right in ((group[1], group[0]), (group[2], group[0]), (group[1], group[2]), (group[0], group[2])):
        said = NewComparison(_subject(left), _subject(right), scene.overall.pk, "left")
        judgements.record(
            project=scene.project, acts=[Act(rater_id=p.pk, act="compare", comparisons=[said]) for p in people]
        )
    raters.set_standing(
        project=scene.project,
        rater=scene.ann,
        state="quarantined",
        since=acts[0].at,
        reason="late",
        by=factories.user(),
    )
    judgements.record(
        project=scene.project,
        acts=[Act(rater_id=scene.ann.pk, act="flag", flags=[NewFlag(group[0].pk, "broken")])],
    )

    answer = verify(version)

    assert (answer.outcome, answer.sentence, answer.digest) == ("identical", "identical", version.digest)
    assert scene.build().digest != version.digest


def test_withdrawn_consent_is_counted_and_named_by_tombstones(scene):
    bob = factories.rater(scene.project, "Bob")
    raters.give_consent(project=scene.project, rater=bob, text_version="1", at=timezone.now() - timedelta(days=1))
    scene.vote(scene.groups[0][0], scene.groups[0][1], "left", by=bob)
    scene.vote(scene.groups[1][0], scene.groups[1][1], "left")
    version = scene.build()

    raters.withdraw_consent(project=scene.project, rater=bob, by=None)
    answer = verify(version)

    assert (answer.outcome, answer.sentence) == ("withdrawn", "identical except 1 withdrawn row")
    version.refresh_from_db()
    assert version.withdrawn_count == 1
    tombstone = version.tombstones.get()
    pairs = version_files.read(version, "pairs")
    assert pairs.filter(pl.col("pair_id") == tombstone.pair_id)["chosen_id"].item() == scene.groups[0][0].pk
    assert verify(version).withdrawn == 1  # asking again changes nothing


def test_marking_withdrawals_needs_no_rebuild(scene):
    acts = scene.vote_all()
    version = scene.build()
    judgements.retract(judgements=[acts[2]], reason=Judgement.Retraction.RETRACTED, by=None)

    assert verifying.mark_withdrawn(version=version) == 1
    assert verifying.mark_withdrawn(version=version) == 1


def test_a_correction_is_no_withdrawal(scene):
    acts = scene.vote_all()
    version = scene.build()
    group = scene.groups[0]
    said = NewComparison(_subject(group[1]), _subject(group[0]), scene.overall.pk, "left")
    judgements.supersede(
        project=scene.project, old=acts[0], act=Act(rater_id=scene.ann.pk, act="compare", comparisons=[said]), by=None
    )

    assert verify(version).outcome == "identical"
    assert JudgementLink.objects.count() == 1


def test_a_deleted_sample_takes_its_pairs_and_nothing_else(scene):
    scene.score(**{f"g{g}s{s}": float(s + g) for g in range(4) for s in range(3)})
    version = scene.build(POINTS)
    scene.groups[1][2].delete()  # the best of its prompt: another would be best now

    answer = verify(version)

    assert (answer.outcome, answer.withdrawn) == ("withdrawn", 1)


def test_a_changed_row_is_told(scene):
    scene.vote_all()
    version = scene.build()
    sample = scene.groups[0][2]
    Sample.objects.filter(pk=sample.pk).update(round=7)

    answer = verify(version)

    assert answer.outcome == "different"
    assert answer.because == (f"1 samples are others now, the first with id {sample.pk}",)


def test_a_damaged_file_is_told(scene):
    scene.vote_all()
    version = scene.build()
    path = version_files.path_of(version, "pairs")
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        assert "pairs is damaged" in verify(version).sentence
    finally:
        path.write_bytes(content)


def test_other_code_is_named_as_the_reason(scene, monkeypatch):
    scene.score(g0s0=1.0, g0s1=2.0)
    version = scene.build(POINTS)
    real = verifying.run

    def otherwise(recipe, evidence):
        result = real(recipe, evidence)
        return type(result)(**{**vars(result), "pairs": result.pairs.with_columns(margin=pl.col("margin") * 2)})

    monkeypatch.setattr(verifying, "run", otherwise)

    answer = verify(version)

    assert answer.outcome == "different"
    assert "1 pairs come out otherwise" in answer.sentence


# -- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D1")
def test_the_command_builds_prints_the_funnel_and_verifies(scene, tmp_path):
    scene.vote_all()
    scene.score(**{f"g{g}s{s}": float(3 - s) for g in range(4) for s in range(3)})
    file = tmp_path / "recipe.yaml"
    file.write_text(
        VOTES.replace(
            "{rule: judged_pairs, by: {votes: overall}}",
            "{rule: two_stage, judge: {votes: overall}, points: {scores: points}, draw: judged}",
        )
    )
    out = StringIO()

    call_command("build_dataset", scene.project.slug, recipe=str(file), name="pairs", stdout=out)
    call_command("verify", "pairs@1", stdout=out)

    said = out.getvalue()
    assert "pairs@1 by “Votes v1”" in said
    assert "ranked by the pair judge" in said
    assert "4 of          4 pairs (100.0%)" in said
    assert "pairs by basis: both 4" in said
    assert "pairs@1: identical" in said


def test_commands_explain_what_is_missing(scene, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(VOTES.replace("judged_pairs", "judged_pair"))

    with pytest.raises(CommandError, match="There is no project 'nowhere'"):
        call_command("build_dataset", "nowhere", recipe=str(file), name="pairs")
    with pytest.raises(CommandError, match="line 5, column 17: There is no rule 'judged_pair'"):
        call_command("build_dataset", scene.project.slug, recipe=str(file), name="pairs")
    with pytest.raises(CommandError, match="is not a file"):
        call_command("build_dataset", scene.project.slug, recipe=str(tmp_path / "none"), name="pairs")
    with pytest.raises(CommandError, match=":5:17: There is no rule"):
        call_command("recipe_check", str(file))
    with pytest.raises(CommandError, match="no frozen version"):
        call_command("verify", "nothing@1")


def test_verify_says_which_versions_there_are(scene):
    scene.build()

    with pytest.raises(CommandError, match="Frozen versions: pairs@1"):
        call_command("verify", "pairs@7")
