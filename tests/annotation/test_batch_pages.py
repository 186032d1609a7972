"""The pages of batches: made by a form, looked at, answered as gold, opened; and a person's own page."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from annotation.actions import answering, batches, gold_items, guidelines, leasing
from annotation.models import Answer, Assignment, Batch, Participant, Review
from annotation.views.guideline import guideline_json
from curation.actions import criteria, judgements, raters
from curation.actions.judgements import Act, NewComparison, Subject
from curation.models import CriterionVersion, GuidelineVersion, Request
from tests import factories
from tests.annotation.world import World, batch, world
from tests.curation.media import drawn

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats(client) -> World:
    made = world()
    client.force_login(made.admin)
    return made


def words(answer) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def sent(boats: World, **changes) -> dict[str, object]:
    form = {
        "name": "first look",
        "kind": "label",
        "preset": "overall",
        "criteria": [str(boats.overall.pk)],
        "rule": "random",
        "shape": "pair",
        "per_prompt": "2",
        "limit": "4",
        "overlap": "2",
        "without_flagged": "on",
    }
    return form | changes


def new(client, boats: World, **changes):
    return client.post(reverse("batch_new", args=["boats"]), sent(boats, **changes))


# -- making one -------------------------------------------------------------------------------------------------------


def test_a_form_makes_a_draft_whose_page_says_what_it_will_take(client, boats) -> None:
    answer = new(client, boats)

    made = Batch.objects.get()
    page = words(client.get(answer["Location"]))
    assert (made.items.count(), made.overlap, made.rule["rule"]) == (4, 2, "random")
    assert "answers 8" in page
    assert "assumption" in page
    assert "boats number" in page


@pytest.mark.parametrize(
    ("preset", "shape", "kinds"),
    [
        ("overall", "pair", ["compare"]),
        ("per-criterion", "pair", ["compare"]),
        ("strength", "pair", ["compare"]),
        ("pick", "all", ["pick"]),
        ("rank", "all", ["rank"]),
        ("rate", "single", ["rate"]),
        ("rate-rank", "all", ["rate", "rank"]),
        ("checklist", "single", ["check"]),
        ("marks", "single", ["mark"]),
        ("critique", "single", ["write"]),
    ],
)
def test_every_preset_makes_a_batch_that_can_be_looked_at_changed_and_opened(
    client, boats, preset, shape, kinds
) -> None:
    new(client, boats, preset=preset, shape=shape)
    made = Batch.objects.get()
    questions = reverse("batch_questions", args=["boats", made.pk])

    assert [question["kind"] for question in made.questions] == kinds
    assert client.get(questions).status_code == 200
    assert client.get(reverse("batch_preview", args=["boats", made.pk])).status_code == 200
    assert client.get(reverse("batch_gold_item", args=["boats", made.pk, made.items.first().pk])).status_code == 200
    client.post(reverse("batch_step", args=["boats", made.pk, "open"]))
    made.refresh_from_db()
    assert made.state == "open"
    assert "the questions stand" in words(client.get(questions))


def test_a_rating_is_evidence_of_a_criterion_with_its_scale(client, boats) -> None:
    new(client, boats, preset="rate-rank", shape="all", scale="1-7")

    rating, order = Batch.objects.get().questions
    scaled = CriterionVersion.objects.get(pk=rating["criterion"])
    assert (scaled.criterion.key, scaled.scale, len(scaled.levels)) == ("overall-1-7", "ordinal", 7)
    assert [level["value"] for level in rating["levels"]] == list(range(1, 8))
    assert order["criterion"] == boats.overall.pk
    assert (rating["stage"], order["stage"]) == (1, 2)


def test_a_criterion_with_a_scale_of_its_own_is_rated_on_it(client, boats) -> None:
    levels = [{"value": 1, "label": "blurred"}, {"value": 2, "label": "sharp"}]
    wording = criteria.Wording(name="Sharp", scale="ordinal", levels=levels)
    sharp = criteria.add_version(project=boats.project, key="sharp", wording=wording)

    new(client, boats, preset="rate", shape="single", criteria=[str(sharp.pk)], scale="own")

    (rating,) = Batch.objects.get().questions
    assert rating["criterion"] == sharp.pk
    assert rating["levels"] == levels


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "rank", "shape": "pair", "words": "submarine"}, "finds nothing"),
        ({"preset": "overall", "shape": "all"}, "exactly 2 samples"),
        ({"rule": "listed", "listed": "nobody"}, "names “nobody”"),
        ({"criteria": []}, "Choose at least one criterion"),
        ({"preset": "verify"}, "Choose the machine"),
        ({"rule": "disagreement"}, "at least two"),
    ],
)
def test_what_cannot_be_made_is_said_on_the_form_and_leaves_nothing(client, boats, changes, said) -> None:
    answer = new(client, boats, **changes)

    assert answer.status_code == 400
    assert said in words(answer)
    assert not Batch.objects.exists()


def test_a_list_may_come_as_a_file(client, boats) -> None:
    file = SimpleUploadedFile("pairs.jsonl", b'{"left": "boats-p0-s3", "right": "boats-p0-s0"}\n')

    new(client, boats, rule="listed", upload=file)

    assert Batch.objects.get().items.get().sample_ids == sorted([boats.samples[0][0].pk, boats.samples[0][3].pk])


def test_requests_that_wait_lead_to_a_batch_of_them(client, boats) -> None:
    left, right = boats.samples[0][:2]
    Request.objects.create(
        project=boats.project,
        audience="people",
        prompt=boats.prompts[0],
        left_sample=left,
        right_sample=right,
        because="close",
    )
    address = reverse("batch_new", args=["boats"]) + "?rule=requests"

    assert address in client.get(reverse("project", args=["boats"])).content.decode()
    assert '<option value="requests" selected>' in client.get(address).content.decode()


def test_how_many_samples_are_in_reach_is_told_while_choosing(client, boats) -> None:
    address = reverse("batch_new", args=["boats"]) + "?part=reach&without_flagged=on"

    assert "12 samples of 3 prompts" in words(client.get(address))
    assert "4 samples of 1 prompts" in words(client.get(address + "&tags=tag1"))


def test_a_machines_verdicts_become_drafts_to_verify(client, boats) -> None:
    judge = factories.rater(kind="model", name="judge-tiny")
    for group in boats.samples:
        left, right = (Subject(row.pk, row.prompt_id) for row in group[:2])
        act = Act(judge.pk, "compare", comparisons=[NewComparison(left, right, boats.overall.pk, "right")])
        judgements.record(project=boats.project, acts=[act])

    answer = new(client, boats, preset="verify", drafts_from=str(judge.pk), per_prompt="", limit="")

    page = words(client.get(answer["Location"]))
    drafted = Batch.objects.get().items.filter(draft__isnull=False)
    assert [item.sample_ids for item in drafted.order_by("prompt")] == [[a.pk, b.pk] for a, b, *_rest in boats.samples]
    assert {str(item.draft["questions"]) for item in drafted} == {"{'overall': {'outcome': 'right'}}"}
    assert "3 items have a draft to verify" in page
    assert "Blind control 20 %" in page


# -- changing one -----------------------------------------------------------------------------------------------------


def test_questions_are_worded_added_moved_and_taken_away(client, boats) -> None:
    made = batch(boats)
    address = reverse("batch_questions", args=["boats", made.pk])

    client.post(address, {"add": "1", "kind": "write", "criterion": str(boats.overall.pk)})
    client.post(address, {"up": "note-overall"})
    made.refresh_from_db()
    assert [question["key"] for question in made.questions] == ["note-overall", "overall"]

    client.post(address, {"remove": "note-overall"})
    form = {
        "text": "Which one?",
        "name": "Taste",
        "stage": 1,
        "criterion": boats.overall.pk,
        "strength": 3,
        "reason": "required",
    }
    client.post(address, {"save": "1", **{f"overall-{name}": value for name, value in form.items()}})
    made.refresh_from_db()
    (question,) = made.questions
    assert (question["text"], question["strength"], question["reason"], question["tie"]) == (
        "Which one?",
        3,
        "required",
        False,
    )


def test_a_question_with_a_mistake_is_shown_again_and_nothing_is_saved(client, boats) -> None:
    made = batch(boats)
    address = reverse("batch_questions", args=["boats", made.pk])

    answer = client.post(address, {"save": "1", "overall-text": "", "overall-name": "x"})

    assert answer.status_code == 400
    made.refresh_from_db()
    assert made.questions[0]["text"] == "Which would you rather get?"


def test_a_draft_is_drawn_anew_and_an_open_batch_is_not(client, boats) -> None:
    made = batch(boats)
    address = reverse("batch_redraw", args=["boats", made.pk])
    form = {"rule": "round-robin", "shape": "pair", "per_prompt": "2", "tags": "tag1", "without_flagged": "on"}
    assert '<option value="random" selected>' in client.get(address).content.decode()

    client.post(address, form)

    made.refresh_from_db()
    assert {item.prompt for item in made.items.all()} == {boats.prompts[1]}
    assert (made.items.count(), made.rule["rule"]) == (2, "round-robin")
    batches.open_batch(batch=made, by=boats.admin)
    assert "is open by now" in words(client.post(address, form))
    assert made.items.count() == 2


def test_settings_are_saved_with_the_people_who_may_judge(client, boats) -> None:
    anna = factories.member(boats.project, "annotator")
    made = batch(boats)
    address = reverse("batch_settings", args=["boats", made.pk])
    form = {
        "name": "second look",
        "overlap": 3,
        "gold_percent": 10,
        "repeat_percent": 5,
        "control_percent": 20,
        "review_percent": 0,
        "gold_bar_percent": 70,
        "gold_least": 6,
        "pass_percent": 80,
        "lease_minutes": 5,
        "undo_minutes": 60,
        "people": [anna.pk],
        "normalise_resolution": "on",
    }

    assert client.post(address, form).status_code == 302

    made.refresh_from_db()
    assert (made.overlap, made.gold_share, made.gold_bar, made.lease_seconds) == (3, 0.1, 0.7, 300)
    assert made.normalise_resolution
    assert not made.is_open_to_members
    assert [person.rater.user for person in made.participants.all()] == [anna]


def test_settings_of_an_open_batch_keep_shares_that_are_no_whole_per_cent(client, boats) -> None:
    made = batch(boats, settings={"repeat_share": 0.125}, is_open=True)
    address = reverse("batch_settings", args=["boats", made.pk])
    form = {"name": "third look", "review_percent": 5, "gold_least": 6, "lease_minutes": 5, "undo_minutes": 60}

    assert client.post(address, form).status_code == 302

    made.refresh_from_db()
    assert (made.name, made.repeat_share, made.review_share) == ("third look", 0.125, 0.05)


def test_an_item_becomes_gold_by_answering_it_and_the_batch_can_open(client, boats) -> None:
    made = batch(boats, settings={"gold_share": 0.1})
    item = made.items.first()
    page = reverse("batch", args=["boats", made.pk])
    assert "no item has a right answer" in words(client.get(page))

    answer = client.post(
        reverse("batch_gold_item", args=["boats", made.pk, item.pk]), {"overall:outcome": "right", "next": "1"}
    )

    item.refresh_from_db()
    assert item.expected["questions"] == {"overall": {"outcome": "right"}}
    assert answer["Location"].endswith(f"/gold/{made.items.exclude(pk=item.pk).first().pk}/")
    assert "1 item with a right answer" in words(client.get(reverse("batch_gold", args=["boats", made.pk])))
    assert "no item has a right answer" not in words(client.get(page))


def test_the_right_answer_of_a_ranking_and_a_rating_can_be_given(client, boats) -> None:
    new(client, boats, preset="rate-rank", shape="all")
    made = Batch.objects.get()
    rating, order = made.questions
    form = {f"{rating['key']}:{place}": "4" for place in range(4)}
    form |= {f"{order['key']}:{place}": str(min(place + 1, 3)) for place in range(4)}

    client.post(reverse("batch_gold_item", args=["boats", made.pk, made.items.first().pk]), form)

    expected = made.items.first().expected["questions"]
    assert expected[rating["key"]] == {"values": [4, 4, 4, 4]}
    assert expected[order["key"]] == {"ranks": [1, 2, 3, 3]}


def test_a_batch_is_paused_extended_and_closed_by_its_buttons(client, boats) -> None:
    made = batch(boats, is_open=True)

    client.post(reverse("batch_step", args=["boats", made.pk, "pause"]))
    client.post(reverse("batch_extend", args=["boats", made.pk]), {"more": "2", "overlap": "2"})
    client.post(reverse("batch_step", args=["boats", made.pk, "resume"]))
    client.post(reverse("batch_step", args=["boats", made.pk, "close"]))

    made.refresh_from_db()
    assert (made.state, made.overlap, made.items.count()) == ("closed", 2, 5)
    assert client.post(reverse("batch_step", args=["boats", made.pk, "dance"])).status_code == 400


def test_the_list_costs_the_same_queries_for_two_and_for_twenty(client, boats, django_assert_max_num_queries) -> None:
    for _ in range(2):
        batch(boats)
    address = reverse("batches", args=["boats"])
    client.get(address)
    with django_assert_max_num_queries(7):
        client.get(address)
    for _ in range(18):
        batch(boats)

    with django_assert_max_num_queries(7):
        client.get(address)


# -- a person's own page ----------------------------------------------------------------------------------------------


@pytest.fixture
def anna(client, boats):
    user = factories.member(boats.project, "annotator", "anna")
    client.force_login(user)
    return user


def home(client) -> str:
    return words(client.get(reverse("work", args=["boats"])))


def test_an_annotator_lands_on_their_own_page_and_sees_what_is_next(client, boats, anna) -> None:
    assert "There is nothing to judge yet" in home(client)
    later = batch(boats, is_open=True)
    soon = batch(boats, settings={"deadline": timezone.now() + timedelta(days=1)}, is_open=True)
    batch(boats)

    landed = client.get(reverse("project", args=["boats"]))
    page = client.get(landed["Location"]).content.decode()

    first = page.index(reverse("annotate", args=["boats", soon.pk]))
    assert first < page.index(reverse("annotate", args=["boats", later.pk]))
    assert page.count("Begin<") == 3


def test_the_page_never_names_generators_or_other_people(client, boats, anna) -> None:
    ben = factories.member(boats.project, "annotator", "ben-the-other")
    made = batch(boats, is_open=True)
    _answer(made, ben, 4.0)

    page = client.get(reverse("work", args=["boats"])).content.decode()

    assert "painter" not in page
    assert "ben-the-other" not in page
    assert "0 of 3 answered by you" in home(client)


def test_a_qualification_is_asked_first_and_its_end_is_told(client, boats, anna) -> None:
    test = batch(boats, kind=Batch.Kind.QUALIFICATION)
    for item in test.items.all():
        gold_items.answer(item=item, payload={"questions": {"overall": {"outcome": "left"}}}, by=boats.admin)
    batches.open_batch(batch=test, by=boats.admin)
    batch(boats, settings={"qualification": test}, is_open=True)

    assert "comes first" in home(client)
    Participant.objects.create(batch=test, rater=raters.for_user(anna), state="passed")
    assert "comes first" not in home(client)
    assert "You passed." in home(client)


def test_returned_answers_come_with_their_notes(client, boats, anna) -> None:
    made = batch(boats, is_open=True)
    answer = _answer(made, anna, 4.0)
    Review.objects.create(
        answer=answer,
        outcome="returned",
        note="Look at the hands again.",
        reviewer=raters.for_user(boats.admin),
        decided_at=timezone.now(),
    )

    assert "Look at the hands again." in home(client)


def test_ones_pace_is_told_and_agreement_with_oneself_only_over_many_repeats_of_earlier_days(
    client, boats, anna
) -> None:
    made = batch(boats, per_prompt=None, is_open=True)
    yesterday = timezone.now() - timedelta(days=1)
    firsts = [_answer(made, anna, 4.0 + number, at=yesterday) for number in range(12)]
    for number, first in enumerate(firsts[:9]):
        _repeat(first, same=number != 0, at=yesterday)
    assert "answers 12" in home(client)
    assert "same again" not in home(client)

    _repeat(firsts[9], same=True, at=yesterday)
    _repeat(firsts[10], same=False, at=timezone.now())

    assert "same again 9 of 10" in home(client)


def _answer(of: Batch, user, seconds: float, at=None) -> Answer:
    leased = leasing.lease(batch=of, user=user, want=1).assignments[0]
    moment = at or timezone.now()
    Assignment.objects.filter(pk=leased.pk).update(state="done", ended_at=moment)
    Participant.objects.filter(batch=of, rater=leased.rater).update(answered=_count(of, user))
    return Answer.objects.create(
        assignment=leased,
        client_key=f"k{leased.pk}",
        payload={"questions": {"overall": {"outcome": "left"}}, "flags": []},
        seconds=seconds,
        created_at=moment,
    )


def _count(of: Batch, user) -> int:
    return Assignment.objects.filter(batch=of, rater__user=user, state="done").count()


def _repeat(first: Answer, *, same: bool, at) -> None:
    """The same item with its sides swapped: who says the same names the other side."""
    asked = first.assignment
    again = Assignment.objects.create(
        item_id=asked.item_id,
        batch_id=asked.batch_id,
        rater_id=asked.rater_id,
        purpose="repeat",
        repeats=asked,
        is_repeat=True,
        state="done",
        presentation={"order": asked.presentation["order"][::-1]},
        leased_at=at,
        lease_until=at + timedelta(minutes=1),
        ended_at=at,
    )
    outcome = "right" if same else "left"
    Answer.objects.create(
        assignment=again,
        client_key=f"r{again.pk}",
        payload={"questions": {"overall": {"outcome": outcome}}, "flags": []},
        seconds=3,
        created_at=at,
    )


# -- the guideline ----------------------------------------------------------------------------------------------------


def test_a_guideline_is_written_with_pictures_that_stay_in_the_next_version(client, boats) -> None:
    picture = SimpleUploadedFile("hands.png", drawn.encoded(drawn.scene(1, (64, 48)), "PNG"))
    edit = reverse("guideline_edit", args=["boats"])

    client.post(
        edit, {"text": "Count the fingers.", "file_0": picture, "caption_0": "Six of them.", "is_good_0": "bad"}
    )
    first = GuidelineVersion.objects.get()
    kept = first.pictures.get()
    client.post(edit, {"text": "Count them twice.", f"keep_{kept.pk}": "on"})

    second = GuidelineVersion.objects.get(number=2)
    shown = guideline_json(second)
    assert shown["text"] == "Count them twice."
    (example,) = shown["pictures"]
    assert (example["caption"], example["is_good"], example["width"]) == ("Six of them.", False, 64)
    assert client.get(example["url"])["Content-Type"] == "image/png"
    assert second.pictures.get().asset_id == kept.asset_id


def test_a_guideline_written_on_the_page_of_settings_keeps_its_pictures(boats) -> None:
    picture = guidelines.NewPicture(drawn.encoded(drawn.scene(1, (64, 48)), "PNG"), "a.png", "", True)
    guidelines.add_version(project=boats.project, text="one", keep=[], added=[picture], by=boats.admin)
    boats.project.refresh_from_db()

    second = criteria.add_guideline(project=boats.project, text="two")

    assert second.pictures.count() == 1


def test_an_upload_that_is_no_picture_is_refused_in_words_and_no_version_is_made(client, boats) -> None:
    file = SimpleUploadedFile("evil.png", b"<script>alert(1)</script>")

    answer = client.post(reverse("guideline_edit", args=["boats"]), {"text": "Look.", "file_0": file})

    assert answer.status_code == 400
    assert "evil.png" in words(answer)
    assert not GuidelineVersion.objects.exists()


def test_pictures_of_the_guideline_are_open_to_members_alone(client, boats) -> None:
    picture = guidelines.NewPicture(drawn.encoded(drawn.scene(1, (64, 48)), "PNG"), "a.png", "", True)
    made = guidelines.add_version(project=boats.project, text="one", keep=[], added=[picture], by=boats.admin)
    url = guideline_json(made)["pictures"][0]["url"]

    client.force_login(factories.member(boats.project, "annotator"))
    assert client.get(url).status_code == 200
    client.force_login(factories.user())
    assert client.get(url).status_code == 404


@pytest.mark.capability("B6")
def test_a_newer_guideline_lists_what_it_puts_in_doubt_and_asks_it_again(client, boats) -> None:
    criteria.add_guideline(project=boats.project, text="Look.")
    made = batch(boats, per_prompt=2, is_open=True)
    anna = factories.member(boats.project, "annotator")
    leased = leasing.lease(batch=made, user=anna, want=1).assignments[0]
    answering.answer(
        batch=made,
        user=anna,
        assignment_id=leased.pk,
        client_key="one-answer",
        payload={"questions": {"overall": {"outcome": "left"}}},
        seconds=3.0,
        revises=None,
    )
    page = reverse("guideline", args=["boats"])
    assert "Judged under older versions" not in words(client.get(page))

    criteria.add_guideline(project=boats.project, text="Look twice.")

    assert "first look v1 Overall 1" in words(client.get(page))
    client.post(reverse("guideline_again", args=["boats"]), {"batch": made.pk, "version": "1"})
    again = Batch.objects.exclude(pk=made.pk).get()
    assert [item.sample_ids for item in again.items.all()] == [leased.item.sample_ids]
    assert again.questions == made.questions
    assert batches.open_batch(batch=again, by=boats.admin).guideline.number == 2
