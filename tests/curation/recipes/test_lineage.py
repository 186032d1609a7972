"""From an exported row back to all that stands behind it, in one page, by its pair_id alone."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from curation.actions import exports, judgements, lineage, version_files, withdrawals
from curation.errors import Refused
from curation.models import DatasetVersion, GuidelineVersion, Judgement, JudgementLink, Rater, Sample
from tests import factories
from tests.curation.exports import frozen
from tests.curation.recipes.test_building import VOTES, Scene

pytestmark = pytest.mark.django_db

BOTH = """
recipe: 1
title: Votes and points
pairing:
  rule: two_stage
  judge: {votes: overall}
  points: {scores: quality}
  draw: judged
"""


@pytest.fixture
def version(tmp_path) -> DatasetVersion:
    """A version of pictures with votes of a person under a guideline and scores of a machine, exported twice."""
    of = frozen.project(prompts=3)
    version = frozen.freeze(of, "signs", BOTH)
    for folder in (None, tmp_path / "out"):
        made = exports.order(version=version, formats=["canonical"], by=None, folder=folder)
        exports.run_job(job_id=made.job_id)
    return DatasetVersion.objects.named("signs@1")


def a_pair(version) -> str:
    return version_files.read(version, "pairs")["pair_id"][0]


def exported_rows(folder: Path) -> list[dict]:
    return [row for path in sorted((folder / "pairs").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_a_row_of_an_export_leads_to_its_votes_scores_raters_and_files(version, tmp_path):
    exported = exported_rows(tmp_path / "out")[0]

    holder, pair_id = lineage.the_one(DatasetVersion.objects.all(), exported["pair_id"])
    found = lineage.explain(holder, pair_id)

    assert holder == version
    chosen, rejected = found.sides
    winner = exported["preference"]
    assert chosen.identity == exported[f"{winner}_id"]
    assert {said.kind for said in found.statements} == {"comparison", "score"}
    (vote,) = (said for said in found.statements if said.kind == "comparison")
    assert (vote.says, vote.rater.kind, vote.since) == ("chosen", "person", "")
    scores = {said.side: said.says for said in found.statements if said.kind == "score"}
    assert scores == {"chosen": "1", "rejected": "0"}
    machine = next(said for said in found.statements if said.kind == "score")
    assert (machine.who, machine.identity) == ("sharpness", {"version": 1})
    assert [(c.config, c.is_exact) for c in found.carried if c.config == "pairs"] == [("pairs", True)] * 2
    files = {file for carried in found.carried if carried.config == "pairs" for file in carried.files}
    assert all((tmp_path / "out" / file).is_file() for file in files)
    assert found.line == 5
    assert found.since == []


def test_people_are_told_by_the_name_that_downloads_carry(version):
    from curation.actions.export_source import pseudonyms_of

    found = lineage.explain(version, a_pair(version))

    (vote,) = (said for said in found.statements if said.kind == "comparison")
    person = Rater.objects.get(name="Ada Lovelace")
    assert vote.who == pseudonyms_of(version, "downloads").of(str(person.pk))
    assert vote.at.count("-") == 2
    assert ":" not in vote.at


def test_guideline_criteria_and_sources_of_derived_statements_are_told():
    scene = Scene()
    guideline = GuidelineVersion.objects.create(project=scene.project, number=3, text="Look at the hands.")
    member = scene.vote(scene.groups[0][0], scene.groups[0][1], "left", by=factories.rater(scene.project, kind="model"))
    panel = factories.rater(scene.project, "panel", kind="ensemble")
    derived = scene.vote(scene.groups[0][0], scene.groups[0][1], "left", by=panel, guideline_id=guideline.pk)
    JudgementLink.objects.create(judgement=derived, source=member, kind="derived-from")
    version = scene.build(VOTES + "evidence: {raters: [panel]}\n")

    found = lineage.explain(version, a_pair(version))

    (said,) = found.statements
    assert [source.judgement_id for source in said.sources] == [member.pk]
    assert (found.guidelines, found.criteria) == ([3], ["overall v1"])


def test_what_was_retracted_or_withdrawn_since_is_said_beside_it():
    scene = Scene()
    acts = scene.vote_all()
    scene.build()
    judgements.retract(judgements=[acts[0]], reason=Judgement.Retraction.RETRACTED, by=None)
    group = scene.groups[0]
    withdrawal = withdrawals.take_down(
        project=scene.project, scope=withdrawals.of_sample(group[1]), reason="a face", by=None
    )
    withdrawals.run_job(job_id=withdrawal.job_id)
    version = DatasetVersion.objects.named("pairs@1")
    pairs = version_files.read(version, "pairs")
    pair_id = pairs.filter(pairs["chosen_id"] == group[0].pk)["pair_id"][0]

    found = lineage.explain(version, pair_id)

    assert found.statements[0].since.startswith("retracted on 20")
    told = " ".join(found.since)
    assert "The rejected sample was taken down" in told
    assert "a face" in told
    assert "pairs@1.1" in told


def test_versions_that_hold_the_same_row_are_named():
    scene = Scene()
    scene.vote_all()
    first, second = scene.build(), scene.build()

    assert lineage.explain(first, a_pair(first)).elsewhere == [second]
    assert lineage.the_one(DatasetVersion.objects.all(), a_pair(first)[:10])[0] == second


@pytest.mark.parametrize("name", ["abc", "no hexadecimal", "", "f" * 65])
def test_what_is_no_pair_id_is_refused(name):
    with pytest.raises(Refused, match="no pair_id"):
        lineage.find(DatasetVersion.objects.all(), name)


def test_a_pair_nobody_holds_is_refused(version):
    with pytest.raises(Refused, match="No frozen version holds"):
        lineage.the_one(DatasetVersion.objects.all(), "0" * 64)


def test_a_deleted_sample_is_said_to_be_deleted(version):
    pair_id = a_pair(version)
    pairs = version_files.read(version, "pairs")
    Sample.objects.get(pk=pairs["rejected_id"][0]).delete()

    found = lineage.explain(version, pair_id)

    assert found.sides[1] is None
    assert "The rejected sample was deleted." in found.since


def test_explaining_costs_the_same_queries_whatever_the_statements(django_assert_max_num_queries):
    scene = Scene()
    for number in range(40):
        scene.vote(scene.groups[0][0], scene.groups[0][1], "left", by=factories.rater(scene.project, f"P {number}"))
    version = scene.build()
    version = DatasetVersion.objects.select_related("dataset__project", "recipe", "job").get(pk=version.pk)

    with django_assert_max_num_queries(16):
        assert len(lineage.explain(version, a_pair(version)).statements) == 40


# -- the command and the page -----------------------------------------------------------------------------------------


def test_the_command_tells_it_all(version):
    out = StringIO()

    call_command("explain", a_pair(version)[:12], stdout=out)

    told = out.getvalue()
    assert f"{a_pair(version)}  in signs@1" in told
    assert "sharpness" in told
    assert '{"version": 1}' in told
    assert "Lovelace" not in told
    assert "rule two_stage, line 5" in told
    assert version.digest in told
    with pytest.raises(CommandError, match="No frozen version"):
        call_command("explain", "0" * 64)


def test_the_page_is_found_by_the_pair_id_alone_and_names_nobody(version, client):
    client.force_login(factories.member(version.dataset.project, "viewer"))
    base = f"/projects/{version.dataset.project.slug}/"
    pair_id = a_pair(version)
    listed = client.get(f"{base}datasets/signs/1/").content.decode()
    assert f"{base}datasets/signs/1/pairs/{pair_id}/" in listed
    assert f'action="{base}pairs/"' in listed

    answer = client.get(f"{base}pairs/", {"pair": pair_id[:12]}, follow=True)

    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == f"{base}datasets/signs/1/pairs/{pair_id}/"
    assert page.count("<img") == 2
    assert "sharpness" in page
    assert "Lovelace" not in page
    assert version.code_version in page
    assert "line 5: two_stage" in page
    assert client.get(f"{base}pairs/", {"pair": "x"}).status_code == 400


def test_only_those_who_may_see_the_project_find_its_pairs(version, client):
    other = factories.project()
    client.force_login(factories.member(other, "admin"))

    assert client.get(f"/projects/{other.slug}/pairs/", {"pair": a_pair(version)}).status_code == 400
