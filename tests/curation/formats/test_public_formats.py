"""Each public format, with a tiny file of its kind: recognised by itself, and its conventions kept."""

import csv
import math
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from curation.formats import recognise
from tests.curation.formats.drawn import Read, picture, save_json, save_lines, save_parquet


def pickapic(tmp_path: Path, **change: list[object]) -> Path:
    columns: dict[str, list[object]] = {
        "caption": ["a cat", "a cat", "a dog", "a dog"],
        "jpg_0": [picture("red"), picture("red"), picture("blue"), picture("lime")],
        "jpg_1": [picture("green"), picture("green"), picture("gold"), picture("pink")],
        "label_0": [1.0, 0.0, 0.5, 0.5],
        "label_1": [0.0, 1.0, 0.5, 0.5],
        "has_label": [True, True, True, False],
        "model_0": ["sd15", "sd15", "sdxl", "sdxl"],
        "model_1": ["sdxl", "sdxl", "sd15", None],
        "image_0_uid": ["u0", "u0", "u2", "u4"],
        "image_1_uid": ["u1", "u1", "u3", "u5"],
        "image_0_url": ["https://x/u0", None, None, None],
        "ranking_id": [11, 12, 13, 14],
        "user_id": [5, 6, 5, 5],
        "created_at": [datetime(2023, 1, 2, 3, 4, 5)] * 4,
        "num_example_per_prompt": [2, 2, 2, 2],
    }
    return save_parquet(tmp_path / "pickapic.parquet", {**columns, **change})


def test_pickapic_gives_users_as_raters_and_keeps_ties_and_sides(tmp_path: Path) -> None:
    read = Read(pickapic(tmp_path), tmp_path)

    assert read.format == "pickapic"
    assert [(j.rater, j.left, j.right, j.outcome) for j in read.judgements] == [
        ("pickapic-user-5", "pickapic:u0", "pickapic:u1", "left"),
        ("pickapic-user-6", "pickapic:u0", "pickapic:u1", "right"),
        ("pickapic-user-5", "pickapic:u2", "pickapic:u3", "tie"),
    ]
    assert [sample.generator for sample in read.samples[:2]] == ["sd15", "sdxl"]
    assert read.samples[0].media[0].data == picture("red")
    assert read.samples[0].meta == {"url": "https://x/u0"}
    assert read.judgements[0].key == "pickapic:11"
    assert not read.refusals


def test_pickapic_with_labels_that_contradict_is_refused_but_its_pictures_stay(tmp_path: Path) -> None:
    read = Read(pickapic(tmp_path, label_1=[1.0, 1.0, math.nan, 0.5]), tmp_path)

    assert [reason.split(";")[0] for reason in read.reasons] == [
        "pickapic.parquet:1: label_0 is 1.0 and label_1 1.0",
        "pickapic.parquet:3: label_1 is nan",
    ]
    assert len(read.samples) == 6


def test_imagereward_ranks_need_not_be_dense(tmp_path: Path) -> None:
    file = save_json(
        tmp_path / "test.json",
        [
            {"id": "7-1", "prompt": "a", "generations": ["x/1.webp", "x/2.webp", "x/3.webp"], "ranking": [1, 5, 5]},
            {"id": "7-2", "prompt": "b", "generations": ["x/4.webp"], "ranking": [1, 2]},
        ],
    )

    read = Read(file, tmp_path)

    assert read.format == "imagereward"
    assert [j.ranks for j in read.judgements] == [(1, 5, 5)]
    assert read.judgements[0].samples == tuple(f"imagereward:x/{n}.webp" for n in (1, 2, 3))
    assert read.samples[0].prompt_key == "imagereward:7-1"
    assert "1 samples but 2 ranks" in read.reasons[0]


def test_hpdv2_training_pairs_name_the_winner_by_a_one(tmp_path: Path) -> None:
    row = {"prompt": "p", "file_path": ["a.jpg", "b.jpg"], "user_hash": "f00"}
    file = save_json(
        tmp_path / "train.json",
        [
            {**row, "human_preference": [0, 1]},
            {**row, "human_preference": [1, 0]},
            {**row, "human_preference": [1, 1]},
        ],
    )

    read = Read(file, tmp_path)

    assert read.format == "hpdv2"
    assert [(j.rater, j.outcome) for j in read.judgements] == [("hpdv2-f00", "right"), ("hpdv2-f00", "left")]
    assert [reason.partition(": ")[2] for reason in read.reasons] == [
        "human_preference is [1, 1]; it must be [1, 0] or [0, 1]"
    ]


def test_hpdv2_older_layout_gives_the_index_of_the_winner(tmp_path: Path) -> None:
    file = save_json(tmp_path / "old.json", [{"prompt": "p", "file_path": ["a.jpg", "b.jpg"], "pap_pref": 1}])

    assert [j.outcome for j in Read(file, tmp_path).judgements] == ["right"]


def test_hpdv2_test_rankings_are_taken_user_by_user(tmp_path: Path) -> None:
    votes = [{"rank": [1, 2, 2], "user_hash": "u1"}, {"rank": [3, 1, 2], "user_hash": "u2"}]
    row = {"prompt": "p", "image_path": ["a.jpg", "b.jpg", "c.jpg"], "rank": [1, 2, 3]}
    file = save_json(
        tmp_path / "test.json",
        [{**row, "raw_annotations": votes}, {**row, "raw_annotation": votes[:1]}, row],
    )

    read = Read(file, tmp_path)

    assert [(j.rater, j.ranks) for j in read.judgements] == [
        ("hpdv2-u1", (1, 2, 2)),
        ("hpdv2-u2", (3, 1, 2)),
        ("hpdv2-u1", (1, 2, 2)),
        ("hpdv2-annotators", (1, 2, 3)),
    ]
    assert [sample.meta["rank"] for sample in read.samples[:3]] == [1, 2, 3]


def test_hpdv3_winner_comes_first_and_its_votes_are_kept(tmp_path: Path) -> None:
    row = {
        "prompt": "p",
        "path1": "a.jpg",
        "path2": "b.jpg",
        "model1": "flux",
        "confidence": 0.8,
        "choice_dist": [8, 2],
    }
    file = save_json(tmp_path / "all.json", [row, {**row, "confidence": 3}])

    read = Read(file, tmp_path)

    (verdict,) = read.judgements
    assert (read.format, verdict.outcome, verdict.left) == ("hpdv3", "left", "hpdv3:a.jpg")
    assert (verdict.confidence, verdict.payload) == (0.8, {"sides": "winner first", "choice_dist": [8, 2]})
    assert [sample.generator for sample in read.samples[:2]] == ["flux", "unknown"]
    assert "between 0 and 1" in read.reasons[0]


EDIT = {
    "prompt": "add a bowl", "path_src": "s.png", "path1": "a.png", "path2": "b.png", "model1": "m1", "model2": "m2",
    "model1_dim1_score": 4, "model1_dim2_score": 3, "model2_dim1_score": 2, "model2_dim2_score": 1,
    "model1_overall_score": 7, "model2_overall_score": 3, "choice_dist": None, "confidence": None,
}  # fmt: skip


@pytest.mark.capability("A3")
def test_editreward_carries_the_source_and_the_scores_of_both_sides(tmp_path: Path) -> None:
    read = Read(save_json(tmp_path / "train.json", [EDIT]), tmp_path)

    assert read.format == "editreward"
    assert [sample.roles["source"][0].name for sample in read.samples] == ["s.png", "s.png"]
    assert [(j.sample[-5:], j.criterion, j.value) for j in read.judgements if j.kind == "rate"] == [
        ("a.png", "instruction_following", 4), ("a.png", "visual_quality", 3), ("a.png", "overall", 7),
        ("b.png", "instruction_following", 2), ("b.png", "visual_quality", 1), ("b.png", "overall", 3),
    ]  # fmt: skip
    assert read.judgements[0].outcome == "left"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "left"),
        ({"tie_case": True}, "tie"),
        ({"model2_dim1_score": 4, "model2_dim2_score": 3, "model2_overall_score": 7}, "tie"),
        ({"model1_dim_score": [2, 2], "model2_dim_score": [2, 2], "model2_overall_score": 7}, "tie"),
        ({name: None for name in EDIT if name.endswith("_score")}, "left"),
    ],
)
def test_editreward_ties_are_equal_scores_or_said(tmp_path: Path, change, outcome: str) -> None:
    read = Read(save_json(tmp_path / "train.json", [{**EDIT, **change}]), tmp_path)

    assert read.judgements[0].outcome == outcome


def test_editreward_numbers_outside_the_sum_are_not_ratings(tmp_path: Path) -> None:
    read = Read(save_json(tmp_path / "train.json", [{**EDIT, "model1_overall_score": 0.9}]), tmp_path)

    assert [j.value for j in read.judgements if j.criterion == "overall" and j.kind == "rate"] == [3]
    assert read.samples[0].meta == {"overall_score": 0.9}


def test_videoalign_gives_a_verdict_a_dimension(tmp_path: Path) -> None:
    file = tmp_path / "example.csv"
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(
            [
                "path_A",
                "path_B",
                "prompt",
                "VQ",
                "MQ",
                "TA",
                "fps_A",
                "num_frames_A",
                "fps_B",
                "num_frames_B",
                "MOS_A_VQ",
            ]
        )
        table.writerow(["a.mp4", "b.mp4", "a girl,\nsitting", "B", "same", "A", "24.0", "126", "30", "152", "3.5"])
        table.writerow(["c.mp4", "d.mp4", "x", "22", "A", "", "24.0", "nan", "30", "152", ""])
        table.writerow(["e.mp4", "f.mp4", "x", "22", "A", "", "24.0", "12", "30", "152", ""])

    read = Read(file, tmp_path)

    assert read.format == "videoalign"
    assert [(j.criterion, j.outcome) for j in read.judgements if j.kind == "compare"] == [
        ("VQ", "right"), ("MQ", "tie"), ("TA", "left"), ("MQ", "left"),
    ]  # fmt: skip
    assert [(j.criterion, j.value) for j in read.judgements if j.kind == "rate"] == [("VQ", 3.5)]
    assert read.samples[0].meta == {"fps": 24.0, "num_frames": 126.0}
    assert read.reasons == [
        "example.csv:4: num_frames_A must be a number, not 'nan'",
        "example.csv:5 VQ: VQ is '22'; it must be A, B or same",
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"prompt": "p", "left_image": "l.png", "right_image": "r.png"},
        {"id": "1", "prompt": "p", "video_left": "l.mp4", "video_right": "r.mp4"},
        {"instruct_prompt": "p", "source_image": "s.png", "left_output_image": "l.png", "right_output_image": "r.png"},
    ],
)
def test_genai_bench_votes(tmp_path: Path, columns: dict[str, str]) -> None:
    votes = ["leftvote", "rightvote", "tievote", "bothbad_vote", "maybe"]
    file = save_json(tmp_path / "bench.json", [{**columns, "vote_type": vote, "left_model": "m"} for vote in votes])

    read = Read(file, tmp_path)

    assert read.format == "genai_bench"
    assert [j.outcome for j in read.judgements] == ["left", "right", "tie", "both-bad"]
    assert "vote_type is 'maybe'" in read.reasons[0]
    assert [bool(sample.roles) for sample in read.samples[:1]] == ["source_image" in columns]
    assert read.samples[0].prompt == "p"


def test_genai_bench_parquet_with_pictures_inside_and_scores(tmp_path: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("instruction", pa.string()), ("source_image", image), ("left_image", image), ("right_image", image),
         ("vote_type", pa.string()), ("left_overall_score", pa.float64())]
    )  # fmt: skip
    cell = [{"bytes": picture(colour), "path": "image.png"} for colour in ("red", "blue", "green")]
    columns = [["add"], cell[:1], cell[1:2], cell[2:], ["tie"], [3.0]]
    file = save_parquet(tmp_path / "b.parquet", dict(zip(schema.names, columns, strict=True)), schema)

    read = Read(file, tmp_path)

    assert read.format == "genai_bench"
    assert read.samples[0].sample_key != read.samples[1].sample_key
    assert read.samples[0].roles["source"][0].data == picture("red")
    assert [(j.kind, j.criterion, j.outcome, j.value) for j in read.judgements] == [
        ("compare", "overall", "tie", None),
        ("rate", "overall", "", 3.0),
    ]


def test_vl_rewardbench_answers_are_text_about_a_picture(tmp_path: Path) -> None:
    row = {"id": "q1", "query": "How many?", "response": ["Five.", "Six."], "image": "i.png", "human_ranking": [0, 1],
           "models": ["gpt", "llava"], "judge": "human", "rationale": "counted", "query_source": "POVID",
           "ground_truth": "Five"}  # fmt: skip
    read = Read(save_json(tmp_path / "vl.json", [row, {**row, "id": "q2", "human_ranking": [0]}]), tmp_path)

    assert read.format == "vl_rewardbench"
    assert [(s.text, s.generator, s.roles["source"][0].name) for s in read.samples[:2]] == [
        ("Five.", "gpt", "i.png"),
        ("Six.", "llava", "i.png"),
    ]
    assert (read.judgements[0].ranks, read.judgements[0].note) == ((0, 1), "counted")
    assert read.samples[0].facts == {"answer": "Five"}
    assert "2 samples but 1 ranks" in read.reasons[0]


def test_vl_rewardbench_parquet(tmp_path: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("id", pa.string()), ("query", pa.string()), ("response", pa.list_(pa.string())), ("image", image),
         ("human_ranking", pa.list_(pa.int64()))]
    )  # fmt: skip
    columns = [["q"], ["How?"], [["a", "b"]], [{"bytes": picture(), "path": None}], [[1, 0]]]
    file = save_parquet(tmp_path / "vl.parquet", dict(zip(schema.names, columns, strict=True)), schema)

    read = Read(file, tmp_path)

    assert (read.format, read.judgements[0].ranks) == ("vl_rewardbench", (1, 0))
    assert read.samples[0].roles["source"][0].data == picture()


def test_prompt_sets(tmp_path: Path) -> None:
    parti = tmp_path / "p.tsv"
    parti.write_text('Prompt\tCategory\tChallenge\tNote\na "big" cat\tAnimals\tBasic\t\n\tAnimals\tBasic\t\n')
    geneval = save_lines(
        tmp_path / "g.jsonl",
        [
            {
                "tag": "counting",
                "include": [{"class": "cup", "count": 2}],
                "exclude": [{"class": "cup", "count": 3}],
                "prompt": "two cups",
            },
            {"tag": "counting", "include": ["cup"], "prompt": "a cup"},
        ],
    )
    ocr = tmp_path / "ocr.txt"
    ocr.write_bytes('A sign "OPEN" and “24 h”\nA dog\'s "day"\nbad \udcff "x"\n'.encode("utf-8", "surrogateescape"))

    assert [(p.prompt, p.tags) for p in Read(parti, tmp_path).prompts] == [('a "big" cat', ("Animals", "Basic"))]
    assert Read(parti, tmp_path).reasons == ["p.tsv:3: Prompt is missing"]
    read = Read(geneval, tmp_path)
    assert (read.format, read.prompts[0].tags) == ("geneval", ("counting",))
    assert read.prompts[0].facts == {
        "objects": [{"class": "cup", "count": 2}], "excluded": [{"class": "cup", "count": 3}]
    }  # fmt: skip
    assert "must be an object with a class" in read.reasons[0]
    texts = Read(ocr, tmp_path)
    assert [p.facts["text"] for p in texts.prompts] == ["OPEN 24 h", "day"]
    assert "ocr.txt:3: bad UTF-8" in texts.reasons[0]


def test_a_person_may_override_what_was_recognised(tmp_path: Path) -> None:
    file = save_json(tmp_path / "x.json", [{"prompt": "p", "path1": "a.png", "path2": "b.png"}])

    assert [each.format.name for each in recognise(file)] == ["hpdv3"]
    assert Read(file, tmp_path, name="editreward").reasons == ["x.json:2: path_src is missing"]
    assert "fields path1 and path2" in recognise(file)[0].why
