"""Two versions side by side: which rows differ, why, and in words."""

from __future__ import annotations

from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from curation.actions import comparing_versions, judgements, recipes, withdrawals
from curation.errors import Refused
from curation.models import DatasetVersion, Judgement
from tests import factories
from tests.curation.recipes.test_building import VOTES, Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    scene = Scene(prompts=5)
    scene.vote_all()
    return scene


def differing(first, second) -> dict[str, list[dict]]:
    comparing_versions.compare(first=first, second=second)
    table = comparing_versions.rows(first, second).collect()
    return {kind: table.filter(pl.col("kind") == kind).to_dicts() for kind in table["kind"].unique().to_list()}


def test_the_same_rows_are_no_difference(scene):
    first, second = scene.build(), scene.build()

    found = comparing_versions.compare(first=first, second=second)

    assert not any(found.counts.values())
    assert comparing_versions.sentences(first, second, found) == ["Both versions hold the same 5 pairs."]


def test_every_kind_of_difference_is_told_with_its_reason(scene):
    """One prompt each: a new vote, a retracted one, one that turns the pair, one more vote, and one left alone."""
    acts = list(Judgement.objects.order_by("pk"))
    first = scene.build()
    groups = scene.groups
    scene.vote(groups[0][2], groups[0][1], "left")  # another couple
    judgements.retract(judgements=[acts[1]], reason=Judgement.Retraction.RETRACTED, by=None)
    for number in range(2):
        scene.vote(groups[2][1], groups[2][0], "left", by=factories.rater(scene.project, f"Voter {number}"))
    scene.vote(groups[3][0], groups[3][1], "left", by=factories.rater(scene.project, "Bob"))
    second = scene.build()

    found = differing(first, second)

    assert {kind: [(row["prompt_id"], row["why"]) for row in rows] for kind, rows in found.items()} == {
        "added": [(groups[0][0].prompt_id, ["evidence_added"])],
        "removed": [(groups[1][0].prompt_id, ["evidence_gone"])],
        "turned": [(groups[2][0].prompt_id, ["evidence_added"])],
        "changed": [(groups[3][0].prompt_id, ["evidence_added"])],
    }
    turned = found["turned"][0]
    assert (turned["chosen_id"], turned["rejected_id"]) == (groups[2][1].pk, groups[2][0].pk)
    assert turned["before_id"] != turned["pair_id"]
    summary = comparing_versions.compare(first=first, second=second)
    assert summary.read == {"added": 4, "gone": 1, "changed": 0, "retracted_judgements": 1}
    words = " ".join(comparing_versions.sentences(first, second, summary))
    assert "1 added, 1 removed, 1 turned round, 1 other margin or votes" in words
    assert "4 statements more were read. 1 statement is no longer read; 1 judgement among them was taken back" in words


def test_another_recipe_is_named_with_the_lines_that_changed(scene):
    first = scene.build()
    group = scene.groups[0]
    second = scene.build(VOTES.replace("by: {votes: overall}", "by: {votes: overall}, min_votes: 2"))

    found = comparing_versions.compare(first=first, second=second)

    assert found.counts["removed"] == 5
    assert found.why == {"recipe": 5}
    assert ("pairing.min_votes", "1", "2") in found.rules
    assert "pairing.min_votes 1 → 2" in " ".join(comparing_versions.sentences(first, second, found))
    assert group[0].pk in {row["chosen_id"] for row in differing(first, second)["removed"]}


def test_a_pair_in_another_split_is_moved(scene):
    first = scene.build()
    second = scene.build(VOTES.replace("train: 0.5, test: 0.5", "all: 1"), name="whole")

    found = differing(first, second)

    assert {row["split_after"] for row in found["moved"]} == {"all"}
    assert len(found["moved"]) == 5


def test_a_minor_version_lost_what_was_withdrawn(scene):
    first = scene.build()
    withdrawal = withdrawals.take_down(
        project=scene.project, scope=withdrawals.of_sample(scene.groups[0][0]), reason="asked", by=None
    )
    withdrawals.run_job(job_id=withdrawal.job_id)
    minor = DatasetVersion.objects.named("pairs@1.1")

    found = comparing_versions.compare(first=first, second=minor)

    assert (found.counts["removed"], found.why) == (1, {"withdrawn": 1})
    assert "Reason given: asked" in comparing_versions.sentences(first, minor, found)[-1]


def test_versions_of_different_projects_have_nothing_in_common(scene):
    other = Scene()
    other.vote_all()

    with pytest.raises(Refused, match="different projects"):
        comparing_versions.compare(first=scene.build(), second=other.build(name="others"))


def test_what_is_kept_is_read_again_and_may_be_deleted(scene, monkeypatch):
    import shutil

    first, second = scene.build(), scene.build()
    before = comparing_versions.compare(first=first, second=second)
    with monkeypatch.context() as closed:
        closed.setattr(comparing_versions, "_rows", None)
        assert comparing_versions.compare(first=first, second=second) == before
    shutil.rmtree(comparing_versions._folder(first, second))

    assert comparing_versions.compare(first=first, second=second) == before


def test_the_command_prints_words_and_rows(scene):
    scene.build()
    judgements.retract(judgements=Judgement.objects.order_by("pk")[:2], reason="retracted", by=None)
    scene.build()
    out = StringIO()

    call_command("compare_versions", "pairs@1", "pairs@2", "--rows", "1", stdout=out)

    assert "pairs@2 has 3 pairs and pairs@1 5: 2 removed." in out.getvalue()
    assert "… and 1 more" in out.getvalue()
    assert "something read about its prompt is no longer read" in out.getvalue()
    with pytest.raises(CommandError, match="There is no pairs@9"):
        call_command("compare_versions", "pairs@1", "pairs@9")


def test_the_page_shows_the_difference_page_by_page(scene, client, monkeypatch):
    scene.build()
    judgements.retract(judgements=Judgement.objects.order_by("pk")[:3], reason="retracted", by=None)
    scene.build()
    monkeypatch.setattr("curation.views.comparing.ROWS_A_PAGE", 2)
    client.force_login(factories.member(scene.project, "viewer"))
    base = f"/projects/{scene.project.slug}/datasets/pairs/"
    assert f"{base}2/compare/" in client.get(f"{base}2/").content.decode()

    page = client.get(f"{base}2/compare/?with=pairs@1").content.decode()

    assert "3 removed" in page
    assert page.count('class="pair-id"') == 2
    following = client.get(f"{base}2/compare/?with=pairs@1&from=2").content.decode()
    assert following.count('class="pair-id"') == 1
    assert client.get(f"{base}2/compare/?with=nothing@1").status_code == 400


def test_a_recipe_of_the_same_text_is_the_same_recipe(scene):
    """Saved under another name it has the same digest, so it explains nothing."""
    first = scene.build()
    recipes.save(project=scene.project, name="again", text=VOTES, by=None)

    assert comparing_versions.compare(first=first, second=scene.build()).rules == []
