"""Groups, reward vectors and judges' traces: what their numbers are, against arithmetic done by hand or by numpy."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest

from curation.exports import judge_traces
from curation.exports.gathered import ExportGroup, ExportTrace
from curation.exports.groups import centred
from curation.exports.readback import read_back
from curation.exports.rows import ExportCandidate, ExportNote, ExportPrompt, ExportRater
from curation.exports.signals import ranks, reward_name, signals_of, win_rates
from curation.exports.weighing import Spread, level, pair_weight, vector_of
from curation.exports.writing import write_export
from tests.curation.exports.making import PERSON, RULE, Store, opinion, pair, score, source, subject

JUDGE = ExportRater("judge@0a1b2c3d", "model")
OTHER = ExportRater("other@11223344", "model")


def rows(folder: Path, config: str, split: str = "train") -> list[dict]:
    loaded = datasets.load_dataset(str(folder), config, split=split, cache_dir=str(folder.parent / "cache"))
    return loaded.data.table.to_pylist()


# -- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("I4")
def test_a_group_has_rewards_centred_values_win_rates_and_versions_and_equal_ones_are_kept_where_asked(tmp_path):
    store = Store()
    prompts = [ExportPrompt("p0", "a cat"), ExportPrompt("p1", "a dog")]
    values = {"p0": [1.0, 2.0, 6.0], "p1": [3.0, 3.0, 3.0]}
    answers = {
        prompt.id: [
            subject(10 * place + number, prompt, media=[store.picture(10 * place + number)], scores=(score(value),))
            for number, value in enumerate(values[prompt.id])
        ]
        for place, prompt in enumerate(prompts)
    }
    first, second, third = answers["p0"]
    pairs = [pair(1, first, third, "second"), pair(2, second, third, "second"), pair(3, *answers["p1"][:2])]
    pairs += [pair(4, answers["p1"][0], answers["p1"][2])]
    said = [opinion(first, third, "right"), opinion(third, second, "left"), opinion(first, second, "tie")]
    said += [opinion(first, second, "left", is_apart=True), opinion(first, second, "both_bad")]
    made = source(pairs, store, opinions=said)

    made = replace(made, options={"groups.equal": "keep"})
    write_export(made, ["groups"], tmp_path / "out")

    unequal, equal = rows(tmp_path / "out", "groups")
    assert unequal["rewards"] == values["p0"]
    assert unequal["centred"] == pytest.approx([-2.0, -1.0, 3.0])
    assert unequal["scaled"] == pytest.approx((np.array(values["p0"]) - 3) / np.std(values["p0"]))
    assert (unequal["reward_mean"], unequal["has_equal_rewards"]) == (3.0, False)
    # First: lost to the third, tied with the second. Both bad and a rater in quarantine are not read.
    assert unequal["win_rates"] == pytest.approx([0.25, 0.25, 1.0])
    assert unequal["comparisons"] == [2, 2, 2]
    assert unequal["policy_versions"] == ["painter-0@r1", "painter-1@r1", "painter-2@r1"]
    assert unequal["answer_images_of"] == [0, 1, 2]
    assert [picture["bytes"] for picture in unequal["answer_images"]] == [
        store.held[who.sample.media[0].sha256] for who in answers["p0"]
    ]
    assert (equal["has_equal_rewards"], equal["scaled"], equal["comparisons"]) == (True, [0.0] * 3, [0] * 3)
    assert read_back(tmp_path / "out", made).is_clean


@pytest.mark.capability("F6")
def test_groups_without_a_spread_are_left_out_of_exports_of_groups_and_counted(tmp_path):
    """Of four prompts two have samples that differ; one is all equal, one is equal but for rounding."""
    store = Store()
    values = {"p0": [1.0, 2.0, 6.0], "p1": [3.0, 3.0, 3.0], "p2": [0.1 + 0.2, 0.3, 0.3], "p3": [0.5, 0.5, 0.5001]}
    pairs = []
    for place, (key, scores) in enumerate(values.items()):
        prompt = ExportPrompt(key, f"prompt {key}")
        told = [
            subject(10 * place + number, prompt, media=[store.picture(10 * place + number)], scores=(score(value),))
            for number, value in enumerate(scores)
        ]
        pairs += [pair(2 * place, told[0], told[1]), pair(2 * place + 1, told[0], told[2])]
    made = source(pairs, store)

    manifest = write_export(made, ["groups", "reward-model"], tmp_path / "out").manifest

    found = rows(tmp_path / "out", "groups")
    assert sorted(tuple(row["rewards"]) for row in found) == [(0.5, 0.5, 0.5001), (1.0, 2.0, 6.0)]
    assert not any(row["has_equal_rewards"] for row in found)
    assert manifest["left_out"]["groups"] == {"a prompt whose samples all have the same reward": 2}
    assert len(rows(tmp_path / "out", "reward-lists")) == 2
    assert manifest["left_out"]["reward-model"]["a signal that is equal for all samples of a prompt (lists)"] == 2
    assert read_back(tmp_path / "out", made).is_clean


@pytest.mark.parametrize("rewards", [[0.1 + 0.2, 0.3], [1e6, 1e6 + 1e-4], [0.0, 0.0]])
def test_rewards_that_differ_by_rounding_alone_are_equal(rewards):
    assert centred(rewards)["has_equal_rewards"]
    assert centred(rewards)["scaled"] == [0.0, 0.0]


def test_small_but_real_differences_are_not_equal():
    assert not centred([0.5, 0.5001])["has_equal_rewards"]


def group(vectors, opinions=()):
    prompt = ExportPrompt("p", "a cat")
    candidates = [
        ExportCandidate(subject(number, prompt, text=f"{number}", scores=tuple(scores)), "train")
        for number, scores in enumerate(vectors)
    ]
    return ExportGroup(prompt, "train", tuple(candidates), tuple(opinions))


def test_the_reward_is_what_the_recipe_read_then_a_total_then_what_most_have():
    read = replace(score(1, "sharpness"), was_read=True)
    total = replace(score(2, "overall"), rater=ExportRater("mix 1", "ensemble"))
    common = score(3, "overall")

    def named(*scores):
        return reward_name([signals_of(one.subject) for one in group([scores, [common]]).candidates])

    assert named(read, total, common) == "sharpness/technical 1"
    assert named(total, common) == "overall/mix 1"
    assert named(common) == "overall/technical 1"
    assert named() == "overall/technical 1"
    assert reward_name([{}, {}]) is None


def test_people_are_one_signal_and_machines_are_never_averaged():
    said = [
        replace(score(1.0), rater=PERSON),
        replace(score(4.0), rater=ExportRater("ffff", "person")),
        replace(score(90.0), rater=JUDGE),
        replace(score(70.0), rater=JUDGE),
    ]

    found = signals_of(group([said]).candidates[0].subject)

    assert {name: signal.value for name, signal in found.items()} == {
        "overall/people": 2.5,
        f"overall/{JUDGE.id}": 80.0,
    }


def test_win_rates_count_the_criterion_that_most_comparisons_are_on():
    of = group([[], []])
    first, second = (candidate.subject for candidate in of.candidates)
    said = [
        opinion(first, second, "left"),
        opinion(first, second, "left"),
        opinion(second, first, "left", criterion="style"),
    ]

    assert win_rates(replace(of, opinions=tuple(said))) == [(1.0, 2), (0.0, 2)]
    assert win_rates(of) == [(0.5, 0), (0.5, 0)]


def test_equal_values_share_a_rank_and_the_next_one_skips():
    assert ranks([0.5, 2.0, 2.0, -1.0]) == [3, 1, 1, 4]


# -- vectors and weights ---------------------------------------------------------------------------------------------


def vectored(store: Store):
    """Three prompts with two pictures, scored on two criteria that disagree."""
    pairs = []
    for number in range(3):
        prompt = ExportPrompt(f"p{number}", f"a cat {number}")
        sides = [
            subject(
                2 * number + place,
                prompt,
                media=[store.picture(2 * number + place)],
                scores=(score(place * (number + 1) / 4, "overall"), score(1 - place / 2, "style")),
            )
            for place in (0, 1)
        ]
        pairs.append(pair(number, *sides, "second"))
    return source(pairs, store)


@pytest.mark.capability("I6")
def test_weights_change_without_asking_any_scorer(tmp_path):
    """From the stored rows alone: the same as the export's column for equal weights, and as by hand for others."""
    store = Store()
    write_export(vectored(store), ["reward-vectors"], tmp_path / "out")
    before = store.opened

    stored = rows(tmp_path / "out", "pair-weights")

    deviation = {
        name: np.std([row["values"][row["names"].index(name)] for row in rows(tmp_path / "out", "reward-vectors")])
        for name in ("overall/technical 1", "style/technical 1")
    }
    assert {(row["chosen_id"], row["rejected_id"]) for row in stored} == {
        (f"s000{2 * number + 1}", f"s000{2 * number}") for number in range(3)
    }
    for row in stored:
        chosen, rejected, deviations = (
            vector_of(row["names"], row[name]) for name in ("chosen_values", "rejected_values", "deviations")
        )
        assert deviations == pytest.approx(deviation)
        assert pair_weight(chosen, rejected, deviations) == pytest.approx(row["weight"])
        wanted = {"overall/technical 1": 3.0, "style/technical 1": -1.0}
        ahead = sum(weight * (chosen[name] - rejected[name]) / deviation[name] for name, weight in wanted.items()) / 4
        assert pair_weight(chosen, rejected, deviations, wanted) == pytest.approx(1 / (1 + math.exp(-ahead)))
        only_style = pair_weight(chosen, rejected, deviations, {"style/technical 1": 1.0})
        assert only_style < 0.5 < pair_weight(chosen, rejected, deviations, {"overall/technical 1": 1.0})
    assert store.opened == before
    assert read_back(tmp_path / "out", vectored(store)).is_clean


def test_a_weight_for_a_signal_that_is_not_there_is_refused_by_name():
    with pytest.raises(ValueError, match=r"no signal beauty/people; there are: style/people"):
        pair_weight({"style/people": 1.0}, {"style/people": 0.0}, {"style/people": 1.0}, {"beauty/people": 1.0})


def test_a_signal_that_never_differs_does_not_divide_by_nothing():
    assert pair_weight({"a": 1.0}, {"a": 1.0}, {"a": 0.0}) == 0.5
    assert pair_weight({"a": 1.0}, {"b": 1.0}, {"a": 1.0, "b": 1.0}) == 0.5
    assert pair_weight({"a": 1e9}, {"a": -1e9}, {"a": 1e-3}) == 1.0
    assert pair_weight({"a": -1e9}, {"a": 1e9}, {"a": 1e-3}) == 0.0


def test_every_sample_has_its_whole_vector_and_a_goal_in_words(tmp_path):
    write_export(vectored(Store()), ["reward-vectors"], tmp_path / "out")

    vectors = {row["sample_id"]: row for row in rows(tmp_path / "out", "reward-vectors")}
    goals = {row["sample_id"]: row for row in rows(tmp_path / "out", "goal-rows")}

    assert vectors["s0005"]["names"] == ["overall/technical 1", "style/technical 1"]
    assert vectors["s0005"]["values"] == [0.75, 0.5]
    assert goals["s0005"]["goal"] == "overall/technical 1: 3 of 4, style/technical 1: 2 of 4"
    assert goals["s0004"]["levels"] == [0, 4]


def test_a_running_spread_is_the_spread():
    values = np.random.default_rng(1).normal(1e6, 3, 500)
    spread = Spread()
    for value in values:
        spread.add(float(value))

    assert spread.mean == pytest.approx(values.mean())
    assert spread.deviation == pytest.approx(values.std(), rel=1e-9)
    assert (spread.low, spread.high) == (values.min(), values.max())


@pytest.mark.parametrize(("value", "step"), [(0.0, 0), (0.19, 0), (0.2, 1), (0.99, 4), (1.0, 4), (2.0, 4), (-1.0, 0)])
def test_levels_part_the_range_equally(value, step):
    assert level(value, 0.0, 1.0, 5) == step


# -- reward models -----------------------------------------------------------------------------------------------------


def test_each_criterion_is_a_row_with_its_own_winner(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a cat")
    sides = [
        subject(number, prompt, media=[store.picture(number)], scores=(score(1 - number, "style"),))
        for number in (0, 1)
    ]
    write_export(
        source([pair(1, *sides, "second", margin=0.4, criterion="overall")], store), ["reward-model"], tmp_path / "o"
    )

    found = {row["criterion"]: row for row in rows(tmp_path / "o", "reward-pairs")}

    winner = {name: row["sample_ids"][0 if row["label"] == 1.0 else 1] for name, row in found.items()}
    assert winner == {"overall": "s0001", "style": "s0000"}
    assert (found["overall"]["is_main"], found["overall"]["margin"]) == (True, 0.4)
    assert (found["style"]["is_main"], found["style"]["margin"]) == (False, 0.0)


# -- judges ------------------------------------------------------------------------------------------------------------


def trace(number: int, prompt: ExportPrompt, order=(1, 2), said="left", known=None, **more) -> ExportTrace:
    subjects = tuple(subject(place, prompt, text=f"answer {place}") for place in order)
    more.setdefault("reasoning", f"because of {number}")
    return ExportTrace(
        id=f"t{number}",
        split="train",
        rater=more.pop("rater", JUDGE),
        prompt=prompt,
        mode="pair",
        subjects=subjects,
        outcomes={"overall": said},
        reply=f"because of {number}. <answer>1</answer>",
        known={"overall": known} if known else {},
        **more,
    )


def traces() -> list[ExportTrace]:
    asked = [ExportPrompt(f"p{number}", f"question {number}") for number in range(5)]
    return [
        trace(0, asked[0], said="left", known="left"),
        # The same question with the answers exchanged, and answered wrongly: it may be in no other stage.
        trace(1, asked[0], order=(2, 1), said="left", known="right", rater=OTHER),
        trace(2, asked[1], said="left", known="right"),
        trace(3, asked[1], order=(2, 1), said="right", known="left", rater=OTHER),
        trace(4, asked[2], said="tie"),
        trace(5, asked[3], said="left", known="left", contradicted=1),
        trace(6, asked[3], said="left", known="right"),
        trace(7, asked[4], said="left", known="left", reasoning=""),
        trace(8, asked[4], said="left", reasoning="", distribution={"overall": {"1": 0.7, "2": 0.2}}),
    ]


@pytest.mark.capability("I10")
def test_stage_files_are_disjoint_and_complete_and_contradicted_answers_are_held_out(tmp_path):
    prompt = ExportPrompt("p0", "question 0")
    made = source(
        [pair(1, subject(1, prompt, text="answer 1"), subject(2, prompt, text="answer 2"))],
        task="text",
        traces=traces(),
    )
    write_export(made, ["judge-traces"], tmp_path / "out")

    files = {name: rows(tmp_path / "out", f"judge-{name}") for name in ("sft", "rl", "held-out")}

    ids = {name: [row["trace_id"] for row in found] for name, found in files.items()}
    assert ids == {"sft": ["t0", "t4", "t8"], "rl": ["t2", "t6"], "held-out": ["t1", "t3", "t5", "t7"]}
    assert Counter(one for found in ids.values() for one in found) == Counter(one.id for one in traces())
    asked = {name: {(row["prompt_id"], *sorted(row["sample_ids"])) for row in found} for name, found in files.items()}
    assert not asked["sft"] & asked["rl"]
    assert {row["trace_id"]: row["reason"] for row in files["held-out"]} == {
        "t1": judge_traces.WRONG_BESIDE_RIGHT,
        "t3": judge_traces.ASKED_ALREADY,
        "t5": judge_traces.CONTRADICTED,
        "t7": judge_traces.EMPTY,
    }
    assert read_back(tmp_path / "out", made).is_clean


def test_what_is_imitated_and_what_is_to_be_found_out(tmp_path):
    prompt = ExportPrompt("p0", "question 0")
    noted = subject(1, prompt, text="answer 1", notes=(ExportNote(RULE, "style", "too long", "1.0"),))
    made = source([pair(1, noted, subject(2, prompt, text="answer 2"))], task="text", traces=traces())
    write_export(made, ["judge-traces"], tmp_path / "out")

    imitated = {row["trace_id"]: row for row in rows(tmp_path / "out", "judge-sft")}
    sought = rows(tmp_path / "out", "judge-rl")[0]
    critique = rows(tmp_path / "out", "judge-critiques")[0]

    assert "Answer 1: answer 1\nAnswer 2: answer 2" in imitated["t0"]["prompt"][0]["content"]
    assert imitated["t0"]["completion"] == [{"role": "assistant", "content": "because of 0\n\noverall: 1"}]
    assert (imitated["t0"]["is_verified"], imitated["t4"]["is_verified"]) == (True, False)
    assert imitated["t8"]["distribution"] == [
        {"criterion": "overall", "word": "1", "chance": 0.7},
        {"criterion": "overall", "word": "2", "chance": 0.2},
    ]
    assert sought["solution"] == "overall: 2"
    assert "completion" not in sought
    assert "reply" not in sought
    assert critique["completion"][0]["content"] == "too long"
    assert critique["prompt"][0]["content"].endswith("with regard to style.")


def test_pictures_stand_in_the_order_of_the_words(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "make it blue", inputs=(store.picture(9, role="source"),))
    sides = [subject(number, prompt, media=[store.picture(number)]) for number in (1, 2)]
    shown = replace(trace(1, prompt, said="right"), subjects=(sides[1], sides[0]))
    write_export(source([pair(1, *sides)], store, "image-editing", traces=[shown]), ["judge-traces"], tmp_path / "out")

    row = rows(tmp_path / "out", "judge-sft")[0]

    expected = [prompt.inputs[0], sides[1].sample.media[0], sides[0].sample.media[0]]
    assert row["images_sha256"] == [item.sha256 for item in expected]
    assert row["completion"][0]["content"].endswith("overall: 2")


def test_scores_and_ranks_are_said_in_the_form_the_question_asks_for():
    prompt = ExportPrompt("p", "q")
    one = replace(trace(1, prompt), mode="points", outcomes={}, scores={"style": 4.5})
    many = replace(trace(1, prompt), mode="list", outcomes={}, ranks={"style": (2.0, 1.0)})

    assert judge_traces.answer_words(one).endswith("\n\nstyle: 4.5")
    assert judge_traces.answer_words(many).endswith("\n\nstyle: 2 1")
