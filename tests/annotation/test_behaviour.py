"""Clicks are no votes: what a log of behaviour implies, what of it is refused, and that it is kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from curation.actions import importing, recipes
from curation.formats import FORMATS, Refusal, recognise
from curation.formats.behaviour import preferences
from curation.models import Comparison, Job, Judgement, Project, Rater, Sample
from curation.models.progress import counts as project_counts
from curation.recipes.problems import RecipeProblems
from tests import factories
from tests.curation.recipes.test_building import Scene

HEADER = "session,prompt,sample,position,clicked,used,at"


def save(folder: Path, *rows: str, header: str = HEADER, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path: Path) -> tuple[list, list[str]]:
    """The rows of a log, and its refusals in words."""
    found = list(FORMATS["behaviour"].read(path, path.parent, path.parent))
    refused = [f"{one.where}: {one.reason}" for one in found if isinstance(one, Refusal)]
    return [one for one in found if not isinstance(one, Refusal)], refused


def preferred(row) -> set[tuple[str, str]]:
    return {(row.samples[a], row.samples[b]) for a, b in row.pairs}


@pytest.mark.parametrize(
    ("levels", "pairs"),
    [
        ([], set()),
        ([0, 0, 0], set()),
        # A click at the top says nothing: what is below may never have been seen.
        ([1, 0, 0], set()),
        ([0, 0, 1], {(2, 0), (2, 1)}),
        ([0, 1, 0, 1], {(1, 0), (3, 0), (3, 2)}),
        # Two clicks say nothing of each other.
        ([1, 1], set()),
        ([0, 2], {(1, 0)}),
        # Used beats clicked on either side, for the click shows that it was seen; never the unseen below.
        ([2, 1, 0], {(0, 1)}),
        ([1, 2, 0], {(1, 0)}),
        ([2, 0, 1], {(0, 2), (2, 1)}),
        ([2, 0, 2], {(2, 1)}),
    ],
)
def test_what_a_list_implies(levels, pairs):
    assert set(preferences(levels)) == pairs
    assert len(preferences(levels)) == len(pairs)


def test_rows_of_a_list_are_put_together_by_position(tmp_path):
    path = save(
        tmp_path,
        "u1,p1,s3,3,1,0,2026-11-02T09:00:05Z",
        "u1,p1,s1,1,0,0,2026-11-02T09:00:00Z",
        "u1,p1,s2,2,no,false,",
        "u2,p1,s1,1,1,0,",
    )

    (first, second), refused = read(path)

    assert refused == []
    assert (first.samples, preferred(first)) == (("s1", "s2", "s3"), {("s3", "s1"), ("s3", "s2")})
    assert (first.rater, first.rater_kind, first.purpose, first.criterion) == (
        "behaviour",
        "behaviour",
        "behaviour",
        "overall",
    )
    assert first.at.isoformat() == "2026-11-02T09:00:05+00:00"
    assert first.payload == {"positions": [1, 2, 3], "clicked": ["s3"], "used": []}
    assert second.pairs == ()
    assert "u1" not in json.dumps([first.key, first.payload]), "a session is known by a digest only"


def test_a_list_of_several_prompts_is_parted(tmp_path):
    path = save(tmp_path, "u1,p1,a1,1,0,0,", "u1,p2,b1,2,0,0,", "u1,p1,a2,3,1,0,", "u1,p2,b2,4,1,0,")

    rows, refused = read(path)

    assert refused == []
    assert [preferred(row) for row in rows] == [{("a2", "a1")}, {("b2", "b1")}]


def test_whole_lists_in_json_lines_and_parquet_say_the_same(tmp_path):
    lists = [
        {"session": "u1", "shown": ["s1", "s2"], "clicked": ["s2"], "used": [], "source": "gallery"},
        {"session": "u2", "shown": ["s1", "s2", "s3"], "clicked": ["s3"], "used": ["s1"], "source": "gallery"},
    ]
    lines = tmp_path / "log.jsonl"
    lines.write_text("\n".join(json.dumps(one) for one in lists))
    table = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist(lists), table)

    for path in (lines, table):
        (first, second), refused = read(path)
        assert refused == []
        assert (preferred(first), preferred(second)) == ({("s2", "s1")}, {("s1", "s3"), ("s3", "s2")})
        assert first.rater == "gallery"
        assert recognise(path)[0].format.name == "behaviour"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",p1,s9,4,0,0,", "session is missing"),
        ("u1,p1,,4,0,0,", "sample is missing"),
        ("u1,p1,s9,,0,0,", "position is missing"),
        ("u1,p1,s9,first,0,0,", "position must be a whole number, not 'first'"),
        ("u1,p1,s9,0,0,0,", "position is 0"),
        ("u1,p1,s9,2,0,0,", "position 2 comes twice in one list (first at log.csv:3)"),
        ("u1,p1,s2,4,0,0,", "sample 's2' comes twice in one list"),
        ("u1,p1,s9,4,maybe,0,", "clicked must be yes or no, or how often, not 'maybe'"),
        ("u1,p1,s9,4,-1,0,", "clicked must be yes or no, or how often, not '-1'"),
        ("u1,p1,s9,4,0,0,yesterday", "at is 'yesterday'"),
        ("u1,p1,s9,4,0,0,,,", "9 cells where the header names 7 columns"),
    ],
)
def test_a_bad_row_is_refused_by_itself(tmp_path, row, reason):
    path = save(tmp_path, "u1,p1,s1,1,0,0,", "u1,p1,s2,2,0,0,", "u1,p1,s3,3,1,0,", row)

    rows, (refused,) = read(path)

    assert refused.startswith("log.csv:5: ")
    assert reason in refused
    assert [preferred(one) for one in rows if one.samples[0] == "s1"] == [{("s3", "s1"), ("s3", "s2")}]


def test_a_list_that_goes_on_after_another_began_is_refused(tmp_path):
    path = save(tmp_path, "u1,p1,s1,1,0,0,", "u2,p1,s1,1,0,0,", "u1,p1,s2,2,1,0,")

    _rows, refused = read(path)

    assert refused == ["log.csv:4: the list of session 'u1' had ended before; sort the file by session"]


def test_a_click_on_what_was_not_shown_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"session": "u1", "shown": ["s1"], "clicked": ["s2"]}))

    assert read(path) == ([], ["log.jsonl:1: clicked names 's2', which is not among those shown"])


def test_a_follow_up_may_be_the_message_and_its_words_are_not_kept(tmp_path):
    header = "session,sample,position,follow_up"
    path = save(tmp_path, "u1,s1,1,", "u1,s2,2,make it brighter", header=header)

    (row,), refused = read(path)

    assert (preferred(row), row.payload["used"], refused) == ({("s2", "s1")}, ["s2"], [])
    assert "brighter" not in repr(row)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("sample,position,clicked", "there is no column session"),
        ("session,sample,clicked", "there are neither the columns sample and position nor a column shown"),
        ("session,sample,position", "there is no column that tells what was done"),
    ],
)
def test_a_log_without_its_columns_is_refused_once(tmp_path, header, reason):
    path = save(tmp_path, "a,b,1", "a,c,2", header=header)

    rows, (refused,) = read(path)

    assert (rows, reason in refused) == ([], True)
    assert all(each.format.name != "behaviour" for each in recognise(path))


# -- in the database ---------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def start(project: Project, path: Path, **options) -> Job:
    return importing.run(job=importing.create(project=project, options=importing.for_path(path, **options), by=None))


def counts(job: Job) -> dict[str, int]:
    return {name: count for name, count in job.result["counts"].items() if count}


def keyed(scene: Scene) -> None:
    """Gives every sample a key: g0s1 is the second sample of the first prompt."""
    for number, group in enumerate(scene.groups):
        for place, sample in enumerate(group):
            Sample.objects.filter(pk=sample.pk).update(key=f"g{number}s{place}")


def clicks(folder: Path, prompts: int = 4, sessions: int = 3) -> Path:
    """In every session the third sample of every prompt is clicked, the others are skipped."""
    rows = [
        f"u{session},p{prompt},g{prompt}s{place},{place + 1},{int(place == 2)},0,"
        for session in range(sessions)
        for prompt in range(prompts)
        for place in range(3)
    ]
    return save(folder, *[f"{row.split(',')[0]}-{row.split(',')[1]},{row.split(',', 1)[1]}" for row in rows])


BEHAVIOUR = """
recipe: 1
title: Behaviour
seed: 2
evidence: {purposes: [behaviour], basis: both}
pairing: {rule: judged_pairs, by: {votes: overall}}
"""
VOTES = """
recipe: 1
title: Votes
seed: 2
pairing: {rule: judged_pairs, by: {votes: overall}}
"""


@pytest.mark.capability("B7")
def test_clicks_become_comparisons_kept_apart_from_votes(tmp_path):
    scene = Scene()
    keyed(scene)
    vote = scene.vote(scene.groups[0][0], scene.groups[0][2], "left")

    job = start(scene.project, clicks(tmp_path))

    assert counts(job) == {"judgements_new": 12}
    rows = Judgement.objects.exclude(pk=vote.pk)
    assert {(row.rater.kind, row.purpose, row.act) for row in rows.select_related("rater")} == {
        ("behaviour", "behaviour", "compare")
    }
    assert {row.rater.name for row in rows.select_related("rater")} == {"behaviour"}
    comparisons = Comparison.objects.filter(judgement__in=rows)
    assert comparisons.count() == 24
    # Left is what stood above.
    assert {(row.outcome, row.is_implied) for row in comparisons} == {("right", True)}
    seen = project_counts(scene.project)
    assert (seen.pairs_judged, seen.pairs_judged_by_people) == (8, 1), "behaviour is not counted as people"
    again = start(scene.project, clicks(tmp_path))
    assert counts(again) == {"judgements_known": 12, "rows_known": 12}


@pytest.mark.capability("B7")
def test_a_recipe_hears_behaviour_only_where_it_asks_for_it(tmp_path):
    scene = Scene()
    keyed(scene)
    scene.vote(scene.groups[0][0], scene.groups[0][2], "left")
    start(scene.project, clicks(tmp_path))

    votes, behaviour = scene.build(VOTES, name="votes"), scene.build(BEHAVIOUR, name="behaviour")

    assert (votes.pair_count, votes.manifest["counts"]["pairs_by_basis"]) == (1, {"people": 1})
    assert behaviour.manifest["counts"]["pairs_by_basis"] == {"behaviour": behaviour.pair_count}
    assert behaviour.pair_count == 8


def test_a_recipe_of_people_may_not_ask_for_behaviour():
    scene = Scene()
    with pytest.raises(RecipeProblems, match="Clicks are not votes of people"):
        recipes.check(project=scene.project, text=BEHAVIOUR.replace("basis: both", "basis: people"))


def test_lists_that_prefer_nothing_are_counted_and_not_stored(tmp_path):
    scene = Scene(prompts=1)
    keyed(scene)
    path = save(tmp_path, "u1,p,g0s0,1,1,0,", "u1,p,g0s1,2,0,0,", "u2,p,g0s0,1,0,0,", "u2,p,g0s1,2,1,0,")

    dry, job = start(scene.project, path, is_dry_run=True), start(scene.project, path)

    assert counts(dry) == counts(job) == {"judgements_new": 1, "lists_silent": 1}


def test_unknown_samples_and_mixed_prompts_are_refused_list_by_list(tmp_path):
    scene = Scene(prompts=2)
    keyed(scene)
    header = "session,sample,position,clicked"
    path = save(
        tmp_path, "u1,g0s0,1,0", "u1,nobody,2,1", "u2,g0s0,1,0", "u2,g1s0,2,1", "u3,g0s0,1,0", "u3,g0s1,2,1",
        header=header,
    )  # fmt: skip

    job = start(scene.project, path)

    assert counts(job) == {"judgements_new": 1, "refused": 2}
    reasons = [failure.reason for failure in job.failures.order_by("id")]
    assert "no sample “nobody”" in reasons[0]
    assert "different prompts" in reasons[1]


def test_the_command_imports_a_log(tmp_path, capsys):
    scene = Scene()
    keyed(scene)

    call_command("import_judgements", scene.project.slug, str(clicks(tmp_path)))

    assert "12 new judgements" in capsys.readouterr().out
    assert Rater.objects.filter(project=scene.project, kind="behaviour").count() == 1


def test_our_own_lines_cannot_smuggle_behaviour_in_as_votes(tmp_path):
    scene = Scene(prompts=1)
    keyed(scene)
    line = {"kind": "compare", "rater": "shop", "left": "g0s0", "right": "g0s1", "outcome": "left"}
    path = tmp_path / "judgements.jsonl"
    lines = [
        {**line, "rater_kind": "behaviour"},
        {**line, "rater_kind": "behaviour", "purpose": "label"},
        {**line, "purpose": "behaviour"},
    ]
    path.write_text("\n".join(json.dumps(one) for one in lines))

    job = start(scene.project, path)

    assert counts(job) == {"judgements_new": 1, "refused": 2}
    assert Judgement.objects.get(project=scene.project).purpose == "behaviour"


def test_the_group_page_tells_behaviour_apart(client, tmp_path):
    scene = Scene(prompts=1)
    keyed(scene)
    scene.vote(scene.groups[0][0], scene.groups[0][2], "left")
    start(scene.project, clicks(tmp_path, prompts=1, sessions=2))
    client.force_login(factories.member(scene.project, "viewer"))

    page = client.get(f"/projects/{scene.project.slug}/prompts/{scene.groups[0][0].prompt_id}/").content.decode()

    assert "<dt>people</dt>" in page
    assert "<dt>behaviour</dt>" in page
    assert "preferred 4 of 4" in page, "the clicked one, over two others in two sessions"
    assert "preferred 1 of 1" in page, "the one that was voted for"
