"""Checklists: totals that are the weighted sums of their items, shown one by one, and answers that are not whole."""

import math
import random

import pytest

from scoring.judges.base import Malformed, Reply
from scoring.judges.parsing import parse
from scoring.judges.questions import bound
from tests.scoring.judges.shown import reply, subject, template, tokens

OWN = template("image-checklist")
PROMPT = bound(template("image-checklist-prompt"), [subject()])  # weights 1, 3, 2


def answers(*words):
    return "\n".join(f"{number}: {word}" for number, word in enumerate(words, start=1))


def fault(found, said):
    with pytest.raises(Malformed) as caught:
        parse(found, reply(said), 1)
    return str(caught.value)


@pytest.mark.capability("C4")
def test_the_total_is_the_weighted_sum_of_the_items_shown_one_by_one():
    verdict = parse(PROMPT, reply(answers("yes", "no", "yes")), 1)

    assert [(one.key, one.question, one.weight, one.yes) for one in verdict.answers] == [
        ("item-1", "Is there a cat?", 1, True),
        ("black", "Is it black?", 3, False),
        ("item-3", "Does it sleep?", 2, True),
    ]
    assert verdict.scores["alignment"].value == pytest.approx((1 * 1 + 3 * 0 + 2 * 1) / (1 + 3 + 2))
    assert verdict.detail["formula"] == "sum of weight x yes / sum of weights"


@pytest.mark.capability("C4")
def test_each_criterion_sums_its_own_items_whatever_is_answered():
    chance = random.Random(7)
    for _try in range(50):
        words = [chance.choice(["yes", "no"]) for _item in OWN.items]
        verdict = parse(OWN, reply(answers(*words)), 1)

        for key in ("alignment", "quality"):
            own = [one for one, item in zip(verdict.answers, OWN.items, strict=True) if item["criterion"] == key]
            total = sum(one.weight for one in own if one.yes) / sum(one.weight for one in own)
            assert verdict.scores[key].value == pytest.approx(total)


@pytest.mark.parametrize(
    "said",
    [
        "1: yes\n2: no\n3: yes",
        "3. Yes\n1. YES\n2. No, it is grey.",
        "I looked closely.\n1) yes\n2) no - it is grey\n3) **yes**",
        "- 1: yes\n- 2: no (grey)\n- 3: yes.",
    ],
)
def test_answers_come_in_any_order_and_may_give_a_reason(said):
    assert [one.yes for one in parse(PROMPT, reply(said), 1).answers] == [True, False, True]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("1: yes\n3: yes", "no answer to item 2, “Is it black?”"),
        ("1: yes\n2: maybe\n3: yes", "no answer to item 2"),
        ("1: yes\n2: yes and no\n3: yes", "“2: yes and no” is neither yes nor no"),
        ("1: yes\n2: no\n3: yes\n2: yes", "item 2 is answered both yes and no"),
        ("1: yes\n2: no\n3: yes\n4: yes", "item 4 is answered, but there are 3"),
        ("0: yes\n1: yes\n2: no\n3: yes", "item 0 is answered"),
        ("yes, no, yes", "no answer to item 1"),
        ("1: yesterday\n2: no\n3: yes", "no answer to item 1"),
    ],
)
def test_a_list_that_is_not_whole_is_a_failure_that_names_the_item(said, words):
    assert words in fault(PROMPT, said)


def soft(*chances):
    pieces = []
    for number, chance in enumerate(chances, start=1):
        word = " yes" if chance > 0.5 else " no"
        pieces += [(f"{number}", {}), (":", {}), (word, {" yes": 0.9 * chance, " no": 0.9 * (1 - chance), "x": 0.1})]
        pieces.append(("\n", {}))
    return Reply("".join(text for text, _chances in pieces), tokens=tokens(*pieces))


@pytest.mark.capability("C5")
def test_probabilities_of_yes_may_count_in_place_of_the_words():
    found = bound(template("image-checklist-prompt-soft"), [subject()])
    verdict = parse(found, soft(0.8, 0.4, 0.9), 1)

    assert [one.probability for one in verdict.answers] == pytest.approx([0.8, 0.4, 0.9])
    assert [one.yes for one in verdict.answers] == [True, False, True]
    result = verdict.scores["alignment"]
    assert result.value == pytest.approx((1 * 0.8 + 3 * 0.4 + 2 * 0.9) / 6)
    assert result.spread == pytest.approx(math.sqrt(1 * 0.16 + 9 * 0.24 + 4 * 0.09) / 6)
    assert verdict.detail["formula"] == "sum of weight x probability of yes / sum of weights"


def test_probabilities_that_are_not_there_are_a_failure_with_its_remedy():
    found = bound(template("image-checklist-prompt-soft"), [subject()])

    assert "no log-probabilities" in fault(found, answers("yes", "no", "yes"))


@pytest.mark.parametrize(
    ("checklist", "words"),
    [
        (None, "states no list of questions in its fact “checklist”"),
        ([], "states no list of questions"),
        ("Is there a cat?", "states no list of questions"),
        ([7], "“7” in the prompt's checklist is neither a question nor a map"),
        ([{"weight": 2}], "item 1 of the checklist has no question"),
        ([{"question": "a?", "weight": 0}], "the weight of item 1 must be a positive number, not 0"),
        ([{"question": "a?", "weight": float("nan")}], "must be a positive number"),
        ([{"question": "a?", "wieght": 2}], "item 1 of the checklist says “wieght”"),
        ([{"question": "a?", "criterion": "beauty"}], "counts for “beauty”, which is not among alignment"),
        ([{"question": "a?", "key": "k"}, {"question": "b?", "key": "k"}], "the same key"),
    ],
)
def test_a_checklist_of_a_prompt_that_cannot_be_used_is_named(checklist, words):
    with pytest.raises(ValueError, match=r".") as caught:
        bound(template("image-checklist-prompt"), [subject(facts={"checklist": checklist})])

    assert words in str(caught.value)
