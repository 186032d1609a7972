"""The pages of consensus, the repair queue and the command: what they tell, who may see it, and what they ask for."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from curation.actions import consensus, criteria, raters, requesting
from curation.errors import Refused
from curation.models import Comparison, Generator, KeptConsensus, Request, progress
from curation.models.consensus_frames import asking
from tests import factories
from tests.curation.examination.scene import Scene, bare, voted

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return voted()


@pytest.fixture
def editor(client, boats):
    client.force_login(factories.member(boats.project, "curator"))
    return client


def page(client, name: str, made: Scene, *more, **params) -> str:
    answer = client.get(reverse(name, args=[made.project.slug, *more]), params)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_judge_whose_questions_votes_chose_says_that_it_is_kept_from_their_prompts(editor, boats):
    judge = boats.model("judge", fitted_on={"prompts": [boats.groups[0][0].prompt_id]})
    for prompt in (0, 1):
        boats.score(judge, prompt, [4, 3, 2, 1])

    assert "kept from 1 prompt it was fitted on" in page(editor, "consensus", boats)


def test_what_a_judge_saw_in_another_project_is_no_matter_here(editor, boats):
    other = voted("lakes")
    judge = boats.model("judge", fitted_on={"prompts": [other.groups[0][0].prompt_id]})
    boats.score(judge, 0, [4, 3, 2, 1])

    assert "it was fitted on" not in page(editor, "consensus", boats).replace("on votes it was not fitted on", "")


def circle() -> Scene:
    """Three samples that two people prefer in a circle, and a fourth that all prefer to nothing."""
    made = bare()
    made.group(4, text="a boat in a circle")
    anne, bert = made.person("anne"), made.person("bert")
    for person in (anne, bert):
        made.vote(person, 0, 0, 1, "left")
        made.vote(person, 0, 1, 2, "left")
    made.vote(anne, 0, 2, 0, "left")
    return made


# -- what is counted --------------------------------------------------------------------------------------------------


def test_a_small_project_is_added_up_as_recipes_do(boats):
    found, everything = consensus.count(boats.project, "overall")

    # "Both bad" is no vote: eight of nine.
    assert (found.learnt.votes, found.learnt.people) == (8, 2)
    assert found.states.height == 2
    assert found.numbers == ("noise",)
    strength = everything.columns["people"].values()[0][:4]
    assert strength[0] == max(strength)
    assert found.learnt.width is None


def test_retracted_quarantined_and_gold_votes_do_not_count(boats):
    before = consensus.count(boats.project, "overall")[0].learnt.votes
    anne = raters.named(project=boats.project, name="anne")
    boats.vote(anne, 1, 0, 2, "left", purpose="gold")
    assert consensus.count(boats.project, "overall")[0].learnt.votes == before

    dora = boats.person("dora")
    act = boats.vote(dora, 1, 0, 2, "left")
    assert consensus.count(boats.project, "overall")[0].learnt.votes == before + 1
    Comparison.objects.filter(judgement=act).update(is_retracted=True)
    assert consensus.count(boats.project, "overall")[0].learnt.votes == before


def test_families_are_compared_as_one_writes_them(boats):
    rater = boats.model("clip-tiny")
    rater.family = "Flux"
    rater.save()
    Generator.objects.filter(project=boats.project, name="flux").update(family=" flux ")

    found, everything = consensus.count(boats.project, "overall")

    weight = next(one for one in found.learnt.block.weights if one.column.rater_id == rater.pk)
    assert weight.kin_prompts == 2
    assert not everything.known["machines"].any()


def test_a_prompt_alone_is_what_it_is_among_all(boats):
    found, everything = consensus.count(boats.project, "overall")
    ids = [boats.groups[1][0].prompt_id]

    alone = consensus.of_prompts(boats.project, found, ids)

    assert alone.layout.prompt.tolist() == ids
    mine = everything.layout.prompt[everything.layout.group] == ids[0]
    for whole, few in zip(everything.columns["people"].values(), alone.columns["people"].values(), strict=True):
        assert whole[mine] == pytest.approx(few)


def test_people_who_fail_known_answers_are_left_out(boats, monkeypatch):
    bert = raters.named(project=boats.project, name="bert")
    monkeypatch.setattr(asking, "failing", lambda project_id: [bert.pk] if project_id == boats.project.pk else [])

    assert consensus.count(boats.project, "overall")[0].learnt.people == 1


def test_scripts_stand_in_where_no_person_has_judged_and_the_page_says_so(client):
    made = bare()
    made.group(2, text="a boat that scripts have looked at")
    script = factories.rater(made.project, "scripted-eye", "scripted")
    for _ in range(2):
        made.vote(script, 0, 0, 1, "left")
    client.force_login(factories.member(made.project, "curator"))

    found, everything = consensus.count(made.project, "overall")

    assert found.is_scripted
    assert everything.columns["people"].values()[0][0] > 0
    assert "scripted raters" in consensus.said_of(found)
    assert "Scripted raters stand in for people" in page(client, "consensus", made)

    made.vote(made.person("anne"), 0, 1, 0, "left")

    found, everything = consensus.count(made.project, "overall")
    assert (found.is_scripted, found.learnt.votes) == (False, 1)
    assert "Scripted raters stand in" not in page(client, "consensus", made)


# -- pages ------------------------------------------------------------------------------------------------------------


def test_the_page_shows_three_columns_and_the_number_of_votes(editor, boats):
    html = page(editor, "consensus", boats)

    for words in ("People only", "Machines only", "Combined", "a red boat at night", "5 votes of people"):
        assert words in html
    assert "fewer than 125 votes of people" in html
    assert reverse("prompt", args=[boats.project.slug, boats.groups[0][0].prompt_id]) in html


def test_the_list_is_narrowed_by_state_and_paged(editor, boats, monkeypatch):
    monkeypatch.setattr("curation.views.consensus.PAGE", 1)

    assert "No prompt is in this state." in page(editor, "consensus", boats, state="decided")
    first = page(editor, "consensus", boats)
    assert "a red boat at night" in first
    assert "hands at night" not in first
    assert f"?after={boats.groups[0][0].prompt_id}" in first
    second = page(editor, "consensus", boats, after=boats.groups[0][0].prompt_id)
    assert "hands at night" in second
    assert f"?before={boats.groups[1][0].prompt_id}" in second


def test_an_empty_project_says_what_to_do_first(client):
    made = bare("empty")
    client.force_login(factories.member(made.project, "curator"))

    assert "No votes of people yet" in page(client, "consensus", made)
    assert "Nothing to repair" in page(client, "consensus_repair", made)


def test_a_criterion_that_is_not_there_is_said(editor, boats):
    answer = editor.get(reverse("consensus", args=[boats.project.slug]), {"criterion": "beauty"})

    assert answer.status_code == 422 or "beauty" in answer.content.decode()


def test_the_group_page_has_the_table_of_its_prompt(editor, boats):
    prompt = boats.groups[0][0].prompt_id
    where = reverse("prompt_consensus", args=[boats.project.slug, prompt])

    assert where in page(editor, "prompt", boats, prompt)
    part = editor.get(where, headers={"hx-request": "true"}).content.decode()
    assert "People only" in part
    assert "<html" not in part
    assert "<html" in page(editor, "prompt_consensus", boats, prompt)


def test_a_large_project_is_counted_by_a_worker(editor, boats, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(progress, "SMALL", 1)
    rung = []
    monkeypatch.setattr(
        "curation.views.doorbell.add_up_votes.apply_async", lambda kwargs, queue: rung.append((kwargs, queue))
    )

    with django_capture_on_commit_callbacks(execute=True):
        assert "A worker" in page(editor, "consensus", boats).replace("a worker", "A worker")
        page(editor, "consensus", boats)
    assert rung == [({"project_id": boats.project.pk, "criterion": "overall"}, "cpu")]

    consensus.refresh(project=boats.project, criterion="overall")
    html = page(editor, "consensus", boats)
    assert "as of" in html
    assert "a red boat at night" in html
    assert "votes came in since" not in html
    fresh, kept = consensus.count(boats.project, "overall")[0], consensus.at_hand(boats.project, "overall")
    assert kept.states.equals(fresh.states)
    assert (kept.doubts, kept.cycles, kept.learnt) == (fresh.doubts, fresh.cycles, fresh.learnt)

    boats.vote(boats.person("dora"), 0, 1, 2, "left")
    assert "votes came in since" in page(editor, "consensus", boats)
    assert KeptConsensus.objects.count() == 1


# -- repair -----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D11")
def test_a_circle_is_shown_and_its_weakest_pair_is_sent_to_people(client):
    made = circle()
    user = factories.member(made.project, "curator")
    client.force_login(user)
    said = list(Comparison.objects.values_list("pk", "outcome"))
    low, high = made.groups[0][0].pk, made.groups[0][2].pk

    html = page(client, "consensus_repair", made)
    assert "a boat in a circle" in html
    assert f'value="{high}-{low}"' in html

    where = reverse("consensus_repair", args=[made.project.slug])
    answer, again = (client.post(where, {"criterion": "overall", "pair": [f"{high}-{low}"]}, follow=True) for _ in "12")
    assert (answer.status_code, again.status_code) == (200, 400)
    assert "asked for already" in again.content.decode()

    request = Request.objects.get()
    assert (request.left_sample_id, request.right_sample_id, request.audience) == (low, high, "people")
    assert (request.criterion_version_id, request.created_by) == (made.overall.pk, user)
    assert request.asking.because == "Votes on “overall” contradict each other here."
    assert "waits for people" in answer.content.decode()
    assert list(Comparison.objects.values_list("pk", "outcome")) == said


@pytest.mark.parametrize("pair", ["x", "1", "1-", "0-0", "999999-999998", ""])
def test_a_pair_that_is_none_is_refused(client, pair):
    made = circle()
    client.force_login(factories.member(made.project, "curator"))

    answer = client.post(
        reverse("consensus_repair", args=[made.project.slug]), {"criterion": "overall", "pair": [pair]}
    )

    assert answer.status_code >= 400
    assert Request.objects.count() == 0


def test_samples_of_another_project_cannot_be_asked_about(client):
    made, other = circle(), voted("other")
    user = factories.member(made.project, "curator")

    with pytest.raises(Refused, match="two samples of one prompt"):
        requesting.create(
            project=made.project,
            audience="people",
            criterion="overall",
            subjects=[(other.groups[0][0].pk, other.groups[0][1].pk)],
            because="because",
            by=user,
        )


# -- the command ------------------------------------------------------------------------------------------------------


def command(*args) -> str:
    out = StringIO()
    call_command("consensus", *args, stdout=out)
    return out.getvalue()


def test_the_command_tells_what_the_page_does(boats):
    words = command(boats.project.slug)
    assert "open" in words
    assert "clip-tiny scores:overall: weight +0.000, too-few-votes" in words

    prompt = boats.groups[0][0].prompt_id
    table = command(boats.project.slug, "--prompt", str(prompt))
    assert len(table.strip().splitlines()) == 2 + 4

    said = json.loads(command(boats.project.slug, "--criterion", "overall", "--prompt", str(prompt), "--json"))
    assert said["counts"]["open"] == 2
    assert len(said["samples"]) == 4
    assert said["samples"][0]["machines"] is None


def test_the_command_says_what_is_wrong(boats):
    criteria.ensure(project=boats.project, key="beauty", wording=criteria.Wording(name="Beauty", scale="interval"))
    for args, words in (
        (("nowhere",), "There is no project"),
        ((boats.project.slug, "--criterion", "beauty"), "Nobody has compared under"),
        ((boats.project.slug, "--prompt", "999999"), "Nothing was said"),
    ):
        with pytest.raises(CommandError, match=words):
            command(*args)
