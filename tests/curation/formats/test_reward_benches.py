"""Chosen and rejected answers: each layout recognised by itself, its conventions kept, its mistakes named."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.formats.held_out import is_benchmark
from tests.curation.formats.drawn import Read, save_json, save_lines, save_parquet, save_picture


def reward_bench_2(tmp_path: Path, **change: object) -> Path:
    item = {
        "id": "17",
        "prompt": "How many legs has a spider?",
        "chosen": ["Eight."],
        "rejected": ["Six.", "Ten.", "Four, like a cat."],
        "num_correct": 1,
        "num_incorrect": 3,
        "total_completions": 4,
        "models": ["a", "b", "c", "d"],
        "subset": "Factuality",
        "additional_metadata": None,
    }
    return save_parquet(tmp_path / "test.parquet", {name: [value] for name, value in {**item, **change}.items()})


def test_reward_bench_2_sets_each_right_answer_above_each_wrong_one(tmp_path):
    read = Read(reward_bench_2(tmp_path), tmp_path)

    assert read.format == "reward_bench_2"
    assert [(s.text, s.generator) for s in read.samples] == [
        ("Eight.", "a"), ("Six.", "b"), ("Ten.", "c"), ("Four, like a cat.", "d"),
    ]  # fmt: skip
    (said,) = read.judgements
    assert (said.kind, said.pairs) == ("choose", ((0, 1), (0, 2), (0, 3)))
    assert read.samples[0].tags == ("Factuality",)


def test_several_right_answers_are_not_compared_with_each_other(tmp_path):
    path = reward_bench_2(tmp_path, chosen=["Eight.", "8"], rejected=["Six."], num_correct=2, num_incorrect=1)

    (said,) = Read(path, tmp_path).judgements

    assert said.pairs == ((0, 2), (1, 2))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"num_correct": 2}, "num_correct is 2, but 1 answers are listed"),
        ({"rejected": []}, "1 chosen and 0 rejected answers"),
        ({"prompt": " "}, "prompt is missing"),
    ],
)
def test_a_contradictory_item_is_refused_by_name(tmp_path, change, why):
    read = Read(reward_bench_2(tmp_path, **change), tmp_path)

    assert why in read.reasons[0]
    assert not read.judgements


def test_m_reward_bench_keeps_the_language_of_each_translation(tmp_path):
    item = {"id": 3, "chosen_model": "m1", "rejected_model": "m2", "source": "alpacaeval", "category": "Chat"}
    rows = [
        {**item, "language": "deu_Latn", "prompt": "Guten Tag?", "chosen": "Guten Tag!", "rejected": "Nein."},
        {**item, "language": "fra_Latn", "prompt": "Bonjour ?", "chosen": "Bonjour !", "rejected": "Non."},
    ]

    read = Read(save_lines(tmp_path / "m.jsonl", rows), tmp_path)

    assert read.format == "reward_bench"
    assert [(s.locale, s.generator) for s in read.samples] == [
        ("deu_Latn", "m1"), ("deu_Latn", "m2"), ("fra_Latn", "m1"), ("fra_Latn", "m2"),
    ]  # fmt: skip
    assert [(j.left.endswith("chosen"), j.outcome) for j in read.judgements] == [(True, "left")] * 2
    assert len({s.prompt_key for s in read.samples}) == 2
    assert read.samples[0].tags == ("Chat", "alpacaeval")


def test_mm_rlhf_takes_pictures_and_folders_of_frames_as_the_source(tmp_path):
    save_picture(tmp_path / "a.png")
    for number in range(25):
        save_picture(tmp_path / "clip" / f"{number:03}.jpg", (number, 0, 0))
    rows = [
        {"id": "p", "prompt": "<image>\nWhat is red?", "chosen": "All.", "rejected": "None.", "image": "a.png",
         "chosen_reason": "it is all red"},
        {"id": "v", "prompt": "What happens?", "chosen": "Fades.", "rejected": "Waits.", "video": "clip",
         "is_tie": True},
    ]  # fmt: skip

    read = Read(save_lines(tmp_path / "dpo_pairs.jsonl", rows), tmp_path)

    assert read.format == "mm_rlhf"
    assert [len(s.roles["source"]) for s in read.samples] == [1, 1, 10, 10]
    assert read.samples[0].prompt == "What is red?"
    assert [ref.name for ref in read.samples[2].roles["source"]][:3] == ["clip/000.jpg", "clip/002.jpg", "clip/005.jpg"]
    assert [(j.outcome, j.note) for j in read.judgements] == [("left", "chosen: it is all red"), ("tie", "")]


def test_a_video_that_is_not_here_is_one_absent_file(tmp_path):
    rows = [{"id": "v", "prompt": "?", "chosen": "a", "rejected": "b", "video": "gone"}]

    read = Read(save_json(tmp_path / "x.json", rows), tmp_path, name="mm_rlhf")

    assert [ref.name for ref in read.samples[0].roles["source"]] == ["gone"]


@pytest.mark.parametrize(
    ("name", "file", "is_one"),
    [
        ("vl_rewardbench", "anything.json", True),
        ("reward_bench_2", "data.parquet", True),
        ("hpdv2", "test.json", True),
        ("hpdv2", "train.json", False),
        ("hpdv2", "latest.json", False),
        ("imagereward", "imagereward-test.json", True),
        ("mm_rlhf", "dpo_pairs.jsonl", False),
        ("mm_rlhf", "mmrlhf_rewardbench.jsonl", True),
        ("pairwright", "test.jsonl", False),
    ],
)
def test_public_benchmarks_are_known_by_format_or_by_name(name, file, is_one, tmp_path):
    assert is_benchmark(name, tmp_path / file) is is_one


def test_videogen_rewardbench_is_told_from_training_files_by_its_columns(tmp_path):
    head = "path_A,path_B,prompt,VQ,MQ,TA,fps_A,num_frames_A,fps_B,num_frames_B"
    (tmp_path / "a.csv").write_text(f"{head}\nx.mp4,y.mp4,p,A,B,A,24,24,24,24\n")
    (tmp_path / "b.csv").write_text(f"{head},A_model,B_model,Overall\nx.mp4,y.mp4,p,A,B,A,24,24,24,24,m,n,A\n")

    assert [is_benchmark("videoalign", tmp_path / name) for name in ("a.csv", "b.csv")] == [False, True]
