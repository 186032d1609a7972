"""Faults planted into a clean version are found, each of them and nothing else."""

import json

import numpy as np
import pytest

from curation.gate.codes import CHECKS
from tests.curation.gate.made import Made, hang, made, picture, with_facts
from tests.curation.recipes.world import sha

# -- contents -----------------------------------------------------------------------------------------------------


def test_pairs_of_the_very_same_content():
    world = made(text=False)
    for prompt in (3, 8, 11):
        world.sample(prompt * 10 + 1)["content"] = world.sample(prompt * 10)["content"]

    assert world.found() == {"same-on-both-sides": 3}
    assert pairs_of(world, "same-on-both-sides") == {3, 8, 11}


def test_the_same_text_but_for_spaces():
    world = made()
    world.sample(41)["text"] = "  " + world.sample(40)["text"].replace(" ", "  ") + "\n"
    world.sample(51)["text"] = world.sample(50)["text"].replace("so", "So", 1)  # another text

    assert world.found() == {"same-on-both-sides": 1}


def test_the_same_picture_encoded_twice_is_told_from_one_that_was_changed_in_a_corner():
    world = made(text=False)
    noise = np.random.default_rng(1).integers(-6, 7, (64, 64))
    hang(world, 51, (picture(50).astype(int) + noise).astype(np.uint8))
    changed = picture(60).copy()
    changed[:2, :2] += 30
    hang(world, 61, changed)

    assert world.found() == {"same-on-both-sides": 1}
    assert pairs_of(world, "same-on-both-sides") == {5}


def test_one_sample_under_its_own_and_a_wrong_prompt_is_no_such_pair():
    world = made(text=False)
    world.pair(20, 20, rejected_prompt_id=3)

    assert world.found() == {}


def test_sets_of_pictures_are_the_same_when_all_of_them_are():
    world = made(text=False)
    for prompt in (5, 6):
        hang(world, prompt * 10 + 1, picture(prompt * 10))
        hang(world, prompt * 10, picture(1000), place=1)
        hang(world, prompt * 10 + 1, picture(1000 if prompt == 5 else 2000), place=1)

    assert pairs_of(world, "same-on-both-sides") == {5}


def test_files_that_are_gone():
    world = made(text=False)
    world.rows("dead").append({"sample_id": 20, "prompt_id": None, "name": "renditions/ab/abc"})
    world.rows("dead").append({"sample_id": None, "prompt_id": 4, "name": "renditions/cd/cde"})

    assert world.found() == {"dead-media": 2}


def test_pairs_left_out_because_their_files_were_never_here():
    world = made()
    world.rows("absent").extend({"pair_id": sha(f"gone {number}")} for number in range(4))

    assert world.found() == {"media-absent": 4}


def test_flags_that_came_after_the_build():
    world = made()
    flags = [(20, "unsafe"), (20, "unsafe"), (31, "unsafe"), (40, "broken"), (9999, "unsafe")]
    world.rows("flags").extend({"sample_id": pk, "flag": kind} for pk, kind in flags)

    assert world.found() == {"broken-sample": 1, "unsafe-content": 2}
    assert with_facts(world, keeps_unsafe=True).found() == {"broken-sample": 1}


# -- contradictions -----------------------------------------------------------------------------------------------


def test_the_same_two_chosen_both_ways():
    world = made()
    for prompt in (2, 9):
        world.pair(prompt * 10 + 1, prompt * 10)

    assert world.found() == {"conflict": 4}
    assert pairs_of(world, "conflict") == {2, 9}


def test_copies_of_two_samples_under_a_copy_of_the_prompt_conflict_too():
    world = made()
    world.prompt(7)["prompt_text"] = world.prompt(4)["prompt_text"].replace(" ", "  ")
    world.sample(70)["content"], world.sample(71)["content"] = (world.sample(pk)["content"] for pk in (41, 40))

    assert world.found()["conflict"] == 2


def test_under_another_input_picture_it_is_another_question():
    world = made()
    world.prompt(7)["prompt_text"] = world.prompt(4)["prompt_text"]
    world.sample(70)["content"], world.sample(71)["content"] = (world.sample(pk)["content"] for pk in (41, 40))
    world.rows("prompt_media").append({"prompt_id": 7, "role": "source", "media_digest": sha("a source")})

    assert "conflict" not in world.found()


def test_both_ways_on_different_criteria_is_only_a_warning():
    world = made()
    world.pair(21, 20, criterion="colour")

    report = world.examination().report
    assert {finding.code: (finding.count, finding.level) for finding in report.findings} == {
        "conflict-across-criteria": (2, "warning")
    }


def test_circles_of_three_and_four_are_counted_with_their_pairs():
    world = made()
    for number in (1, 2):
        extra(world, prompt=5, number=number)
    world.pair(51, 5001)
    world.pair(5001, 50)  # 50 > 51 > 5001 > 50
    world.pair(50, 5002)  # leads out of the circle
    for number in (1, 2):
        extra(world, prompt=6, number=number)
    for chosen, rejected in [(61, 6001), (6001, 6002), (6002, 60)]:
        world.pair(chosen, rejected)

    assert world.found() == {"cycle": 7}
    assert (
        sorted(world.rows_of("cycle")["detail"].to_list())
        == ["in a circle of 3 samples"] * 3 + ["in a circle of 4 samples"] * 4
    )


def test_a_circle_over_two_criteria_is_none():
    world = made()
    extra(world, prompt=5, number=1)
    world.pair(51, 5001)
    world.pair(5001, 50, criterion="colour")

    assert world.found() == {}


# -- splits, licences, leakage ------------------------------------------------------------------------------------


def test_nearly_the_same_prompts_in_two_splits():
    world = made()
    world.prompt(3)["prompt_text"] = "a red fox sleeps under the old pine tree"  # test
    world.prompt(4)["prompt_text"] = "A red fox sleeps under the old, old pine tree!"  # train
    world.prompt(5)["prompt_text"] = "a red fox sleeps under the old pine tree"  # train

    assert world.found() == {"prompts-across-splits": 3}
    assert set(world.rows_of("prompts-across-splits")["prompt_id"]) == {3, 4, 5}


def test_alike_prompts_of_one_split_and_unlike_ones_of_two_are_fine():
    world = made()
    world.prompt(4)["prompt_text"] = world.prompt(5)["prompt_text"] = "a red fox sleeps under the old pine tree"

    assert world.found() == {}


def test_the_same_input_picture_in_two_splits_but_for_a_mask():
    world = made()
    for prompt, role, name in [
        (3, "source", "hall"),
        (4, "reference", "hall"),
        (6, "mask", "white"),
        (7, "mask", "white"),
    ]:
        world.rows("prompt_media").append({"prompt_id": prompt, "role": role, "media_digest": sha(name)})

    assert world.found() == {"prompts-across-splits": 2}


def test_rows_without_a_licence():
    world = made()
    world.prompt(2)["licence"] = ""
    for pk in (30, 31):
        world.sample(pk)["licence"] = ""

    assert world.found() == {"no-licence": 3}


def test_a_set_that_states_no_licence_for_itself():
    assert with_facts(made(), licence="").found() == {"no-licence": 0}


def test_what_stands_in_a_frozen_benchmark():
    world = with_facts(made(), has_benchmarks=True)
    assert world.found() == {}

    world.rows("leaked").append({"pair_id": sha("a pair held back"), "sample_id": None})
    world.rows("leaked").append({"pair_id": None, "sample_id": 4001})

    assert world.found() == {"benchmark-leakage": 2}


# -- raters -------------------------------------------------------------------------------------------------------


def test_pairs_that_one_rater_decided():
    world = made()
    for row in world.rows("pairs")[:3]:
        world.voices[row["pair_id"]] = [1]

    assert world.found() == {"single-rater": 3}


def test_what_is_right_by_construction_needs_no_rater():
    world = made()
    row = world.pair(20, 31, basis="construction", margin=None)
    world.voices[row["pair_id"]] = []

    assert world.found() == {}


def test_labels_by_machines_alone():
    world = made()
    for row in world.rows("pairs")[:5]:
        row["basis"] = "machines"

    assert world.found() == {"machine-only": 5}


@pytest.mark.capability("C17")
def test_a_judge_of_the_generators_own_family_is_named_and_so_is_its_being_the_only_source():
    world = made()
    world.rows("raters").append({"rater_id": 3, "rater_kind": "model", "family": "North ", "name": "north-eye"})
    only, beside = world.rows("pairs")[0], world.rows("pairs")[1]
    world.voices[only["pair_id"]] = [3]
    world.voices[beside["pair_id"]] = [1, 3]

    found = world.found()
    rows = world.rows_of("self-graded")

    assert found == {"single-rater": 1, "self-graded": 2}
    assert rows.select("pair_id", "detail").rows() == [
        (only["pair_id"], "north-eye alone"),
        (beside["pair_id"], "north-eye, beside others"),
    ]
    words = world.examination().report.finding("self-graded").words
    assert words.endswith("for 1 of them it is the only source.")


def test_a_person_has_no_family_and_an_unknown_family_accuses_nobody():
    world = made()
    world.rows("raters")[0]["family"] = "north"  # a person
    world.rows("raters")[1]["family"] = ""

    assert world.found() == {}
    assert world.examination().report.idle["self-graded"] == "no machine and generator both have a family"


def machine(number: int, name: str, **fields: object) -> dict[str, object]:
    return {"rater_id": number, "rater_kind": "model", "family": "", "name": name, **fields}


@pytest.mark.capability("C17")
@pytest.mark.parametrize(
    ("called", "generator"),
    [
        ("deepseek-ai/Janus-Pro-7B", {"name": "janus_pro-7b"}),
        ("janus-pro-7b", {"name": "deepseek-ai/Janus-Pro-7B@abc"}),
        ("Janus-Pro-7B", {"name": "painter", "revision": "unsloth/Janus-Pro-7B"}),
    ],
)
def test_a_generator_that_judges_itself_is_named_whatever_its_family_is_called(called, generator):
    world = made()
    world.rows("raters").append(machine(3, "caption_likelihood", model_names=["other", called]))
    world.rows("generators")[0].update(generator)
    only, beside = world.rows("pairs")[:2]
    world.voices[only["pair_id"]] = [3]
    world.voices[beside["pair_id"]] = [2, 3]

    assert world.found() == {"single-rater": 1, "self-graded": 2}
    assert world.examination().report.finding("self-graded").words == (
        "2 pairs were judged by a relative of the generator of a side, 2 of them by the generator's own model; for 1 "
        "of them it is the only source."
    )


@pytest.mark.parametrize("named", [{"name": "janus-pro-1b"}, {"name": "painter", "revision": "janus-pro-7b"}])
def test_another_model_of_a_like_name_accuses_nobody(named):
    world = made()
    world.rows("raters").append(machine(3, "yes_token", model_names=["deepseek-ai/Janus-Pro-7B"]))
    world.rows("generators")[0].update(named)
    world.voices[world.rows("pairs")[0]["pair_id"]] = [1, 3]

    assert world.found() == {}
    assert "self-graded" not in world.examination().report.idle


@pytest.mark.capability("C17")
def test_scorers_that_go_back_from_the_output_are_named_and_so_is_where_nobody_independent_decided():
    world = made()
    world.rows("raters").append(machine(3, "caption_likelihood", independence="cycle"))
    world.rows("raters").append(machine(4, "north-eye", family="north"))
    only, inside, beside, people = world.rows("pairs")[:4]
    for row, voices in ((only, [3]), (inside, [3, 4]), (beside, [1, 3, 4]), (people, [1, 2])):
        world.voices[row["pair_id"]] = voices

    assert world.found() == {"single-rater": 1, "self-graded": 2, "cycle-graded": 3}
    assert world.rows_of("cycle-graded").select("pair_id", "detail").rows() == [
        (only["pair_id"], "caption_likelihood alone"),
        (inside["pair_id"], "caption_likelihood, beside nobody independent"),
        (beside["pair_id"], "caption_likelihood, beside others"),
    ]
    assert world.rows_of("self-graded").select("pair_id", "detail").rows() == [
        (inside["pair_id"], "north-eye, beside nobody independent"),
        (beside["pair_id"], "north-eye, beside others"),
    ]
    report = world.examination().report
    assert report.finding("cycle-graded").level == "warning"
    assert report.finding("cycle-graded").words == (
        "3 pairs were decided by going back from the output to the prompt; for 1 of them it is the only source and "
        "for 1 of them nobody independent decided beside it."
    )
    assert report.finding("self-graded").words.endswith("; for 1 of them nobody independent decided beside it.")


@pytest.mark.capability("C12")
def test_a_head_that_decides_prompts_it_was_fitted_on_is_named_and_so_is_its_being_the_only_source():
    world = made()
    world.rows("raters").append({"rater_id": 3, "rater_kind": "head", "family": "", "name": "head:taste"})
    only, beside, elsewhere = world.rows("pairs")[:3]
    world.tables["fitted"] = [{"rater_id": 3, "prompt_id": one["prompt_id"]} for one in (only, beside)]
    world.voices[only["pair_id"]] = [3]
    world.voices[beside["pair_id"]] = [1, 3]
    world.voices[elsewhere["pair_id"]] = [1, 3]

    found = world.found()
    rows = world.rows_of("own-labels")

    assert found == {"single-rater": 1, "own-labels": 2}
    assert rows.select("pair_id", "detail").rows() == [
        (only["pair_id"], "head:taste alone"),
        (beside["pair_id"], "head:taste, beside others"),
    ]


# -- leans --------------------------------------------------------------------------------------------------------


def test_the_chosen_one_stood_left_too_often():
    world = made(200)
    world.shown = [(row["pair_id"], "person", place % 10 != 0) for place, row in enumerate(world.rows("pairs"))]

    finding = world.examination().report.finding("position-bias")

    assert world.found() == {"position-bias": 180}
    assert finding.measure == pytest.approx(0.4)
    assert finding.words.startswith("By people, the chosen one stood left in 90.0% of 200 comparisons")


def test_a_machine_that_leans_right_is_found_beside_people_who_do_not():
    world = made(200)
    world.shown = [(row["pair_id"], "person", place % 2 == 0) for place, row in enumerate(world.rows("pairs"))]
    world.shown += [(row["pair_id"], "model", place % 5 == 0) for place, row in enumerate(world.rows("pairs"))]

    finding = world.examination().report.finding("position-bias")

    assert (finding.count, finding.measure) == (160, pytest.approx(0.3))
    assert finding.words.startswith("By machines, the chosen one stood right in 80.0%")


def test_a_few_votes_on_one_side_are_chance():
    world = made(200)
    world.shown = [(row["pair_id"], "person", True) for row in world.rows("pairs")[:6]]

    assert world.found() == {}


def test_chosen_pictures_that_are_brighter():
    world = made(text=False)
    for prompt in range(1, 31):
        hang(world, prompt * 10, picture(prompt * 10, level=25 if prompt > 3 else -30))

    report = world.examination().report
    difference = differences(world)

    assert world.found() == {"brightness-bias": int((difference > 0).sum())}
    assert report.finding("brightness-bias").measure == pytest.approx(difference.mean())
    assert "brighter" in report.finding("brightness-bias").words


def test_chosen_answers_that_are_shorter():
    world = made()
    for prompt in range(1, 31):
        world.sample(prompt * 10)["text"] = f"brief {prompt} " * 3

    report = world.examination().report

    assert world.found() == {"length-bias": 30}
    assert "Chosen answers are shorter by" in report.finding("length-bias").words


# -- margins ------------------------------------------------------------------------------------------------------


def test_margins_near_zero():
    world = made()
    for row in world.rows("pairs")[:3]:
        row["margin"] = 1e-5

    assert world.found() == {"collapsed-margins": 3}


def test_margins_that_are_all_equal():
    world = made()
    for row in world.rows("pairs"):
        row["margin"] = 1.0
        row["margin_unit"] = "vote_share"

    assert world.found() == {"collapsed-margins": 30}


# -- words --------------------------------------------------------------------------------------------------------


def test_personal_data_wherever_it_would_leave():
    world = made()
    world.prompt(2)["prompt_text"] += " by ada.lovelace@babbage.engine.org"
    world.prompt(3)["facts"] = json.dumps({"text": "CALL +44 20 7946 0958"})
    world.sample(40)["text"] += " from 84.17.46.201"
    world.sample(50)["tags"] = ["holiday", "/home/ada/pictures"]
    world.sample(60)["settings"] = json.dumps({"command": "run --out /Users/charles/x"})
    world.rows("notes").append({"sample_id": 70, "prompt_id": None, "text": "ask bob@acme.io"})

    rows = world.rows_of("personal-data")

    assert set(rows["detail"]) == {
        "the prompt: e-mail address",
        "the facts of the prompt: telephone number",
        "the answer: IP address",
        "the tags of the sample: path with a user's name",
        "the settings of the sample: path with a user's name",
        "a note: e-mail address",
    }
    assert world.found() == {"personal-data": 6, "local-paths": 1}


def test_what_an_export_takes_out_by_itself_is_not_said():
    world = made()
    world.sample(20)["settings"] = json.dumps({"checkpoint": "/home/ada/x.pt", "by": "ada@babbage.org"})
    world.sample(30)["key"] = "/home/ada/pictures/12.png"

    assert world.found() == {}


def test_settings_that_name_local_paths():
    world = made()
    world.sample(20)["settings"] = json.dumps({"args": ["--ckpt", "--lora=/mnt/disk3/ada.safetensors"]})
    world.rows("generators")[0]["settings"] = json.dumps({"notes": r"copied from \\server\share\models"})
    world.sample(30)["settings"] = json.dumps(
        {"model": "org/model", "api": "https://host.org/data/v1", "ratio": "16/9"}
    )

    assert world.found() == {"local-paths": 2}


def test_no_finding_repeats_what_it_found():
    world = made()
    world.prompt(2)["prompt_text"] += " by ada.lovelace@babbage.engine.org"

    examination = world.examination()

    assert "ada" not in json.dumps(examination.report.as_json())
    assert "ada" not in examination.rows.write_json()


# -- all of them --------------------------------------------------------------------------------------------------


def test_only_four_kinds_of_fault_are_errors():
    errors = {code for code, check in CHECKS.items() if check.level == "error"}

    assert errors == {"same-on-both-sides", "conflict", "dead-media", "benchmark-leakage"}
    assert {code for code, check in CHECKS.items() if not check.is_waivable} == {"dead-media", "benchmark-leakage"}


def extra(world: Made, *, prompt: int, number: int) -> int:
    """One more sample of a prompt."""
    pk = prompt * 1000 + number
    first = world.sample(prompt * 10)
    world.rows("samples").append(
        {**first, "sample_id": pk, "identity": sha(f"sample {pk}"), "content": sha(f"content {pk}"), "key": f"s{pk}"}
    )
    world.rows("samples")[-1]["text"] = first["text"] + f" {pk}"
    world.rows("places").append({"sample_id": pk, "prompt_id": prompt, "split": "train" if prompt % 3 else "test"})
    return pk


def pairs_of(world: Made, code: str) -> set[int]:
    """The prompts of the pairs a finding names."""
    named = set(world.rows_of(code)["pair_id"])
    return {row["prompt_id"] for row in world.rows("pairs") if row["pair_id"] in named}


def differences(world: Made) -> np.ndarray:
    bright = {row["sample_id"]: row["brightness"] for row in world.rows("looks")}
    return np.array([bright[row["chosen_id"]] - bright[row["rejected_id"]] for row in world.rows("pairs")])
