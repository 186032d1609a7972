"""Machines tested against people in the database, by the action and by the command, with numbers worked out by hand."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from curation.actions import criteria, examining, judgements, raters
from curation.actions.examining import Choice
from curation.actions.judgements import Act, Link, NewComparison
from curation.errors import Conflict, Refused
from curation.examination.credit import Ties
from curation.models import Judgement, JudgementLink, progress
from tests.curation.examination.scene import Scene, bare, voted

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return voted()


def _examined(made: Scene, **choice):
    return examining.make(project=made.project, choice=Choice(**choice))


def _accuracy(answer, name: str) -> tuple[float, int]:
    found = {answer.name(one.column): one.accuracy for one in answer.found.machines}[name]
    return found.value, found.votes


@pytest.mark.capability("H1")
def test_accuracy_against_single_votes_by_hand(boats) -> None:
    """Seven clear votes. The model: right on 5, wrong on 2. The rule has no word on 0–3 of prompt 0: 4½ of 6."""
    answer = _examined(boats)

    assert _accuracy(answer, "clip-tiny") == (pytest.approx(5 / 7), 7)
    assert _accuracy(answer, "grain · noise") == (pytest.approx(4.5 / 6), 6)
    # Each vote beside the other person's: 1, 1 on 0–1 of prompt 0, 0 and 0 on 0–2.
    assert (answer.found.human.value, answer.found.human.votes) == (0.5, 4)
    people = answer.found.people
    assert (people.votes, people.persons, people.pairs, people.prompts) == (9, 2, 7, 2)
    assert (people.ties, people.both_bad) == (1, 1)
    # Of the six votes both have: the rule alone right on 0–1 of prompt 1, the model alone on 1–2 of it.
    versus = {answer.name(one.column): one.versus for one in answer.found.machines}["clip-tiny"]
    assert answer.name(answer.found.against) == "grain · noise"
    assert (versus.votes, versus.mcnemar.only_first, versus.mcnemar.only_second) == (6, 1, 1)
    assert (versus.mcnemar.exact, versus.mcnemar.mid) == (1, pytest.approx(0.75))
    tags = {line.label: line for line in answer.found.slices["tag"].lines}
    model = next(one.column for one in answer.found.machines if answer.name(one.column) == "clip-tiny")
    assert {label: (line.votes, line.machines[model].value) for label, line in tags.items()} == {
        "night": (7, pytest.approx(5 / 7)),
        "hands": (2, 0.5),
    }
    # First by win rates: of prompt 0 sample 0 (its rate is 4/5; 2 wins one of two, 1 and 3 none): the model's first.
    # Of prompt 1 sample 1 (two wins of two); the model's first is 0.
    best = answer.found.machine(model).best_of
    assert (best.hits.value, best.hits.votes, best.chance) == (0.5, 2, 0.25)


@pytest.mark.capability("H2")
def test_correlations_with_people_by_hand(boats) -> None:
    """Ratings 5 4 2 1 and 1 3 5 5 beside scores 4 3 2 1 and 4 3 2 1."""
    anne = boats.person("anne")
    boats.rate(anne, 0, [5, 4, 2, 1])
    boats.rate(anne, 1, [1, 3, 5, 5])

    answer = _examined(boats)

    model = next(one for one in answer.found.machines if answer.name(one.column) == "clip-tiny")
    ratings, scores = [5, 4, 2, 1, 1, 3, 5, 5], [4, 3, 2, 1, 4, 3, 2, 1]
    # Ranks: ratings 7 5 3 1½ 1½ 4 7 7, scores 7½ 5½ 3½ 1½ twice.
    expected = np.corrcoef([7, 5, 3, 1.5, 1.5, 4, 7, 7], [7.5, 5.5, 3.5, 1.5, 7.5, 5.5, 3.5, 1.5])[0, 1]
    assert model.ratings.pooled["spearman"].value == pytest.approx(expected)
    assert model.ratings.pooled["pearson"].value == pytest.approx(np.corrcoef(ratings, scores)[0, 1])
    # Within prompt 0 the order is the same; within prompt 1 it is turned round but for the tie: −5 of √(5 · 6).
    assert model.ratings.within["kendall"].value == pytest.approx((1 - 5 / np.sqrt(30)) / 2)
    # Win rates of prompt 0: 4/5, 0, ½, 0; of prompt 1: 0, 1, ¼, ½. Scores of the rule, turned: −1 −2 −3, −9 −1 −1 −1.
    rule = next(one for one in answer.found.machines if answer.name(one.column) == "grain · noise")
    expected = np.corrcoef([0.8, 0, 0.5, 0, 1, 0.25, 0.5], [-1, -2, -3, -9, -1, -1, -1])[0, 1]
    assert rule.win_rates.pooled["pearson"].value == pytest.approx(expected)
    assert rule.win_rates.samples == 7
    (alike,) = answer.found.likeness
    assert alike.correlation.samples == 7


@pytest.mark.capability("C13")
def test_the_same_judge_under_two_principles(boats) -> None:
    """Under “realism” the judge says left of 0–1 of prompt 0, under “beauty” right; people voted left under none, and
    Anne left under “realism”.
    """
    judge, realism, beauty = boats.model("judge"), boats.principle("realism"), boats.principle("beauty", 2)
    boats.vote(judge, 0, 0, 1, "left", context_id=realism.pk)
    boats.vote(judge, 0, 0, 1, "right", context_id=beauty.pk)
    boats.vote(boats.person("anne"), 0, 0, 1, "left", context_id=realism.pk)

    found = _examined(boats)

    table = {
        (found.name(one.column), one.people_under): (one.accuracy.value, one.accuracy.votes)
        for one in found.found.principles
    }
    assert table == {
        ("judge under “realism”", "realism"): (1, 1),
        ("judge under “realism”", ""): (1, 2),
        ("judge under “beauty v2”", ""): (0, 2),
        ("clip-tiny", "realism"): (1, 1),
        ("grain · noise", "realism"): (1, 1),
    }
    (flips,) = found.found.flips
    assert (flips.pairs, flips.flipped) == (1, 1)
    assert found.found.contexts == {"": 9, "realism": 1}
    assert _examined(boats, context="realism").found.people.votes == 1


def test_what_was_asked_under_a_template_is_under_no_principle(boats) -> None:
    template = boats.principle("pair-critique")
    template.kind = "template"
    template.save()
    boats.vote(boats.model("judge"), 0, 0, 1, "left", context_id=template.pk)

    assert _accuracy(_examined(boats), "judge") == (1, 2)


# -- which votes count ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["label", "audit", "control"])
def test_votes_that_count(boats, purpose) -> None:
    boats.vote(boats.person("carl"), 1, 0, 2, "left", purpose=purpose)

    assert _examined(boats).found.people.votes == 10


@pytest.mark.parametrize("purpose", ["gold", "repeat", "qualification", "draft", "behaviour"])
def test_votes_that_examine_or_help_a_person_do_not_count(boats, purpose) -> None:
    boats.vote(boats.person("carl"), 1, 0, 2, "left", purpose=purpose)

    people = _examined(boats).found.people
    assert people.votes == 9
    assert people.left_out == {"purpose": 1}


def test_quarantined_raters_are_out_from_then_on(boats) -> None:
    now = timezone.now()
    boats.vote(boats.person("bert"), 1, 0, 2, "left", at=now - timedelta(days=9))
    raters.set_standing(
        project=boats.project, rater=boats.person("bert"), state="quarantined", since=now - timedelta(days=1),
        reason="asleep", by=None,
    )  # fmt: skip

    people = _examined(boats).found.people

    assert people.votes == 6  # five of Anne's, and Bert's old one
    assert people.left_out == {"quarantined": 4}


def test_a_machine_in_quarantine_is_not_heard(boats) -> None:
    raters.set_standing(
        project=boats.project, rater=boats.model("clip-tiny"), state="quarantined",
        since=timezone.now() - timedelta(days=1), reason="drift", by=None,
    )  # fmt: skip

    answer = _examined(boats)

    assert [answer.name(one.column) for one in answer.found.machines] == ["grain · noise"]
    assert [answer.name(column) for column in answer.found.silent] == ["clip-tiny"]


def test_retracted_votes_and_scores_are_out(boats) -> None:
    first = Judgement.objects.filter(project=boats.project, rater=boats.person("anne")).order_by("pk").first()
    passes = Judgement.objects.filter(project=boats.project, rater=boats.model("clip-tiny")).order_by("pk")
    judgements.retract(judgements=[first, passes[1]], reason="retracted", by=None)

    answer = _examined(boats)

    assert answer.found.people.left_out == {"retracted": 1}
    # Left are four clear votes on prompt 0, of which the model has three right.
    assert _accuracy(answer, "clip-tiny") == (0.75, 4)


def test_a_vote_begun_from_a_draft_tests_nobody(boats) -> None:
    draft = boats.vote(boats.model("drafter"), 1, 0, 2, "left", purpose="draft")
    vote = boats.vote(boats.person("carl"), 1, 0, 2, "left")
    JudgementLink.objects.create(judgement_id=vote, source_id=draft, kind="drafted-from")

    people = _examined(boats).found.people

    assert people.votes == 9
    assert people.left_out == {"drafted": 1}


def test_an_earlier_meaning_of_the_criterion_is_another_question(boats) -> None:
    criteria.add_version(project=boats.project, key="overall", wording=criteria.Wording(name="Overall, anew"))

    assert _examined(boats).found.people.votes == 0


def test_what_was_derived_stands_for_its_sources(boats) -> None:
    """A judge said left in both orders of 0–1, and derived: the lower one."""
    judge = boats.model("judge")
    sources = [boats.vote(judge, 0, 0, 1, "left"), boats.vote(judge, 0, 1, 0, "left")]
    pair = NewComparison(boats.subject(0, 0), boats.subject(0, 1), boats.overall.pk, "left")
    links = [Link(source, "derived-from") for source in sources]
    judgements.record(project=boats.project, acts=[Act(judge.pk, "compare", comparisons=[pair], links=links)])

    assert _accuracy(_examined(boats), "judge") == (1, 2)


def test_scripted_raters_are_no_people_unless_they_are_asked_for(boats) -> None:
    robot = raters.named(project=boats.project, name="robot", kind="scripted")
    boats.vote(robot, 0, 0, 1, "right")

    assert _examined(boats).found.people.votes == 9
    scripted = _examined(boats, kind="scripted")
    assert scripted.found.people.votes == 1
    assert _accuracy(scripted, "clip-tiny") == (0, 1)


def test_votes_of_another_project_are_not_read(boats) -> None:
    voted("elsewhere")

    assert _examined(boats).found.people.votes == 9


# -- heads ------------------------------------------------------------------------------------------------------------


def _head(made: Scene, fitted_on, name: str = "our-head"):
    head = made.model(name, kind="head", fitted_on=fitted_on)
    for prompt in (0, 1):
        made.score(head, prompt, [4, 3, 2, 1])
    return head


def _tested(answer, name: str):
    return next(one for one in answer.found.machines if answer.name(one.column) == name)


@pytest.mark.capability("H1")
def test_a_planted_head_is_not_asked_about_the_votes_it_was_fitted_on(boats) -> None:
    """It learnt Anne's and Bert's votes on 0–1 of prompt 0, on which it is right: 3 of 5 are left."""
    acts = Judgement.objects.filter(project=boats.project, act="compare").order_by("pk").values_list("pk", flat=True)
    _head(boats, {"judgements": list(acts[:2])})

    head = _tested(_examined(boats), "our-head")

    assert (head.fitted, head.accuracy.votes, head.accuracy.value) == (2, 5, pytest.approx(3 / 5))


def test_prompts_may_be_named_by_id_or_by_identity(boats) -> None:
    first, second = (group[0].prompt for group in boats.groups)
    _head(boats, {"prompts": [first.pk]}, "by-id")
    _head(boats, {"prompts": [second.identity, "f" * 64]}, "by-identity")
    _head(boats, list(Judgement.objects.filter(rater=boats.person("anne")).values_list("pk", flat=True)), "by-list")

    answer = _examined(boats)

    assert (_tested(answer, "by-id").fitted, _tested(answer, "by-id").accuracy.votes) == (5, 2)
    assert (_tested(answer, "by-identity").fitted, _tested(answer, "by-identity").accuracy.votes) == (2, 5)
    # Anne voted on every pair but 1–2 of prompt 1.
    assert (_tested(answer, "by-list").fitted, _tested(answer, "by-list").accuracy.votes) == (6, 1)


def test_a_digest_alone_cannot_be_tested(boats) -> None:
    _head(boats, "9f86d081884c")

    head = _tested(_examined(boats), "our-head")

    assert (head.is_unnamed, head.accuracy) == (True, None)


def test_an_ensemble_was_fitted_on_what_its_members_were(boats) -> None:
    first = boats.groups[0][0].prompt
    ensemble = raters.ensemble(name="both", members=[_head(boats, {"prompts": [first.pk]}), boats.model("clip-tiny")])
    for prompt in (0, 1):
        boats.score(ensemble, prompt, [4, 3, 2, 1])

    assert _tested(_examined(boats), "both").fitted == 5


# -- choosing ---------------------------------------------------------------------------------------------------------


def test_machines_stand_under_peoples_criterion_where_they_can(boats) -> None:
    noise = criteria.ensure(project=boats.project, key="noise")
    boats.score(boats.model("clip-tiny"), 0, [1, 2, 3, 4], noise)

    chosen = _examined(boats).choice.columns

    assert sorted(key.split(":")[2] for key in chosen) == ["noise", "overall"]
    named = examining.choose_by_name(
        project=boats.project, choice=Choice(columns=()), raters=["clip-tiny"], against=None
    )
    assert [key.split(":", 1)[1] for key in named.columns] == ["scores:overall"]


def test_a_column_can_be_chosen_under_another_criterion(boats) -> None:
    clip = boats.model("clip-tiny")
    noise = criteria.ensure(project=boats.project, key="noise")
    boats.score(clip, 0, [1, 2, 3, 4], noise)

    answer = _examined(boats, columns=(f"{clip.pk}:scores:noise",))

    assert _accuracy(answer, "clip-tiny · noise") == (0.8, 5)


def test_unknown_criteria_and_machines_are_refused_with_those_there_are(boats) -> None:
    with pytest.raises(Refused, match=r"Nobody has compared under “beauty”. People compared under: overall"):
        _examined(boats, criterion="beauty")
    with pytest.raises(Refused, match="There is no machine “9:scores:x” here"):
        _examined(boats, columns=("9:scores:x",))


def test_two_machines_of_one_name_are_told_apart(boats) -> None:
    for weights in ("a", "b"):
        boats.score(boats.model("twin", weights=weights), 0, [1, 2])

    answer = _examined(boats)

    names = [answer.name(one.column) for one in answer.found.machines]
    assert sum(name.startswith("twin@") for name in names) == 2
    assert len(set(names)) == 4


def test_criterion_by_default_is_the_one_most_votes_are_under() -> None:
    made = bare("cats")
    made.group(2)
    fidelity = criteria.ensure(project=made.project, key="fidelity")
    made.vote(made.person("anne"), 0, 0, 1, "left", criterion=fidelity)

    assert _examined(made).choice.criterion == "fidelity"


def test_a_project_without_votes_has_an_empty_answer() -> None:
    made = bare("empty")

    found = _examined(made).found

    assert (found.people.votes, found.machines, found.human) == (0, [], None)


def test_queries_do_not_grow_with_rows(boats, django_assert_num_queries) -> None:
    with django_assert_num_queries(19) as few:
        _examined(boats)
    for prompt in range(2, 12):
        boats.group(3, tags=[f"tag-{prompt}"])
        boats.vote(boats.person(f"rater-{prompt}"), prompt, 0, 1, "left")
        boats.score(boats.model("clip-tiny"), prompt, [2, 1])

    with django_assert_num_queries(len(few)):
        _examined(boats)


# -- kept answers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _all_are_large(monkeypatch, settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "kept"}}
    from django.core.cache import cache

    cache.clear()
    monkeypatch.setattr(progress, "SMALL", 3)


@pytest.mark.usefixtures("_all_are_large")
def test_a_large_project_is_examined_once_and_the_answer_says_when_it_is_old(boats) -> None:
    assert examining.kept(project=boats.project, choice=Choice()) is None

    first = examining.examined(project=boats.project, choice=Choice())
    again = examining.examined(project=boats.project, choice=Choice())
    boats.vote(boats.person("carl"), 1, 0, 2, "left")
    stale = examining.examined(project=boats.project, choice=Choice())

    assert first.made_at is not None
    assert (again.made_at, again.is_stale) == (first.made_at, False)
    assert (stale.is_stale, stale.found.people.votes) == (True, 9)
    assert examining.kept(project=boats.project, choice=Choice(ties=Ties.HALF)) is None


@pytest.mark.usefixtures("_all_are_large")
def test_a_kept_answer_is_made_anew_on_demand_once_it_is_paid_off(boats, monkeypatch) -> None:
    examining.examined(project=boats.project, choice=Choice())
    boats.vote(boats.person("carl"), 1, 0, 2, "left")

    monkeypatch.setattr(examining, "REST", 1e9)
    too_soon = examining.examined(project=boats.project, choice=Choice(), again=True)
    monkeypatch.setattr(examining, "REST", 0)
    anew = examining.examined(project=boats.project, choice=Choice(), again=True)

    assert too_soon.found.people.votes == 9
    assert (anew.found.people.votes, anew.is_stale) == (10, False)


@pytest.mark.usefixtures("_all_are_large")
def test_a_retraction_makes_a_kept_answer_old(boats) -> None:
    examining.examined(project=boats.project, choice=Choice())
    judgements.retract(judgements=[Judgement.objects.filter(act="compare").first()], reason="retracted", by=None)

    assert examining.kept(project=boats.project, choice=Choice()).is_stale


@pytest.fixture
def _somebody_else_counts(boats):
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [examining._LOCK, boats.project.pk])
    yield
    other.close()


@pytest.mark.usefixtures("_all_are_large", "_somebody_else_counts")
def test_a_large_project_is_examined_by_one_at_a_time(boats) -> None:
    with pytest.raises(Conflict, match="being counted already"):
        examining.examined(project=boats.project, choice=Choice())
    assert examining.accuracy_here(boats.project, [boats.model("clip-tiny").pk]) == {}


@pytest.mark.usefixtures("_all_are_large")
def test_the_turn_is_given_back(boats, monkeypatch) -> None:
    """Also after a failure: the next one may examine."""
    monkeypatch.setattr(examining, "examine", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        examining.examined(project=boats.project, choice=Choice())

    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [examining._LOCK, boats.project.pk])
        is_free = cursor.fetchone()[0]
    other.close()

    assert is_free


# -- for the cards of scorers -----------------------------------------------------------------------------------------


def test_accuracy_here_of_some_machines(boats) -> None:
    clip, grain, idle = boats.model("clip-tiny"), boats.model("grain", kind="rule"), boats.model("idle")

    found = examining.accuracy_here(boats.project, [clip.pk, grain.pk, idle.pk])

    assert found[clip.pk].value == pytest.approx(5 / 7)
    assert found[grain.pk].value == pytest.approx(4.5 / 6)
    assert idle.pk not in found


def test_accuracy_here_without_votes_is_empty() -> None:
    made = bare("empty")

    assert examining.accuracy_here(made.project, [made.model("clip").pk]) == {}
