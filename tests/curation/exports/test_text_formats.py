"""Formats for text, vision and groups: written, read back, and spoilt where their readers would not notice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import datasets
import pytest

from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.readback import read_back
from curation.exports.rows import ExportNote, ExportPrompt, ExportRater
from curation.exports.writing import write_export
from tests.curation.exports.making import (
    PERSON,
    RULE,
    Store,
    opinion,
    pair,
    picture_pairs,
    score,
    source,
    subject,
    text_pairs,
)

WORDED = ("trl", "trl-kto", "llamafactory-dpo", "llamafactory-kto", "ms-swift-dpo", "ms-swift-kto")


def rows(folder: Path, config: str, split: str = "train") -> list[dict]:
    """A table's rows with media as {bytes, path}."""
    loaded = datasets.load_dataset(str(folder), config, split=split, cache_dir=str(folder.parent / "cache"))
    return loaded.data.table.to_pylist()


def records(path: Path) -> list[dict]:
    text = path.read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def clean(folder: Path, made, *, winners: int = 0) -> None:
    found = read_back(folder, made)

    assert [str(finding) for finding in found.findings] == []
    assert found.winners == winners


def understanding(store: Store, count: int = 4):
    pairs = text_pairs(count, inputs=(store.picture(1, role="source"),))
    return source([replace(row, confidence=0.8) for row in pairs], store, task="understanding")


# -- every format comes back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WORDED, "reward-model", "best-of", "reward-vectors", "groups"])
def test_words_come_back_from_every_format_that_carries_them(name, tmp_path):
    made = with_scores(source(text_pairs(), task="text"))

    write_export(made, [name], tmp_path / "out")

    clean(tmp_path / "out", made, winners=4 if name.endswith("dpo") or name in ("trl", "reward-model") else 0)


@pytest.mark.parametrize(
    "name",
    [*WORDED, "mm-rlhf", "unifiedreward-sft", "vl-rewardbench", "reward-model", "best-of", "reward-vectors", "groups"],
)
def test_pictures_of_the_question_come_back(name, tmp_path):
    made = with_scores(understanding(Store()))

    write_export(made, [name], tmp_path / "out")

    found = read_back(tmp_path / "out", made)
    assert [str(finding) for finding in found.findings] == []
    assert found.media > 0


@pytest.mark.parametrize(
    "name",
    ["diffusion-kto", "genai-bench", "unifiedreward-sft", "ms-swift-media", "reward-model", "best-of", "groups"],
)
def test_pictures_come_back(name, tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)

    write_export(made, [name], tmp_path / "out")

    found = read_back(tmp_path / "out", made)
    assert [str(finding) for finding in found.findings] == []
    assert found.media > 0


def test_a_video_benchmark_comes_back(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "waves")
    sides = [subject(number, prompt, media=[store.video(number)]) for number in (1, 2)]
    made = source([pair(1, *sides), pair(2, *sides, "tie")], store, task="text-to-video")

    write_export(made, ["genai-bench-video"], tmp_path / "out")

    clean(tmp_path / "out", made, winners=1)
    votes = {row["vote_type"] for row in records(tmp_path / "out" / "genai-bench-video" / "train.json")}
    assert "tievote" in votes
    assert votes & {"leftvote", "rightvote"}


def with_scores(made):
    """Each answer with a score, its number in the pair, so that groups have something to rank."""

    def scored(who):
        number = int(who.sample.id[1:]) % 2
        return replace(who, scores=(score(float(number)),))

    return replace(
        made,
        pairs=lambda split: (
            replace(row, first=scored(row.first), second=scored(row.second)) for row in made.pairs(split)
        ),
        candidates=lambda split: (replace(one, subject=scored(one.subject)) for one in made.candidates(split)),
        groups=lambda split: (
            replace(group, candidates=tuple(replace(one, subject=scored(one.subject)) for one in group.candidates))
            for group in made.groups(split)
        ),
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_refuses_in_words_or_writes_every_task(name):
    for task in ("text", "understanding", "text-to-image", "image-editing", "text-to-video", "image-sets"):
        refusal = FORMATS[name].refusal(task)
        if refusal is None:
            assert FORMATS[name].columns(FORMATS[name].configs[0], task)
        else:
            assert task in refusal
            assert "Use " in refusal


# -- the swapped winner, the tie, the miscounted tag ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "swap"),
    [
        ("llamafactory-dpo", "train.json", ("chosen", "rejected")),
        ("mm-rlhf", "train/dpo_pairs.jsonl", ("chosen", "rejected")),
        ("unifiedreward-dpo", "train/data.json", ("chosen", "rejected")),
    ],
)
def test_a_swapped_answer_in_a_file_is_found(name, file, swap, tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "what is it?", inputs=(store.picture(1, role="source"),))
    made = source([pair(1, subject(1, prompt, text="good"), subject(2, prompt, text="bad"))], store, "understanding")
    write_export(made, [name], tmp_path / "out")

    path = tmp_path / "out" / name / file
    found = records(path)
    found[0][swap[0]], found[0][swap[1]] = found[0][swap[1]], found[0][swap[0]]
    line = json.dumps(found[0])
    path.write_text(line + "\n" if path.suffix == ".jsonl" else f"[\n{line}\n]\n", "utf-8")

    assert "winner" in {finding.code for finding in read_back(tmp_path / "out", made).findings}


@pytest.mark.parametrize("name", ["trl", "llamafactory-dpo", "ms-swift-dpo", "mm-rlhf", "vl-rewardbench"])
def test_ties_and_equal_words_never_reach_a_row_of_winners(name, tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "what is it?", inputs=(store.picture(1, role="source"),))
    answers = [subject(number, prompt, text=text) for number, text in enumerate(["good", "bad", "good"])]
    pairs = [
        pair(1, answers[0], answers[1]),
        pair(2, answers[0], answers[1], "tie"),
        pair(3, answers[0], answers[1], "both_bad"),
        pair(4, answers[0], answers[2]),
    ]
    made = source(pairs, store, task="understanding")

    manifest = write_export(made, [name], tmp_path / "out").manifest

    assert sum(split["rows"] for split in manifest["configs"][name].values()) == 1
    assert sum(manifest["left_out"][name].values()) == 3
    assert manifest["left_out"][name]["the same words on both sides"] == 1
    clean(tmp_path / "out", made, winners=1)


def test_words_with_a_tag_are_left_out_because_the_reader_counts_tags(tmp_path):
    store = Store()
    asked = ExportPrompt("p", "what does <image> mean in HTML?")
    plain = ExportPrompt("q", "what is it?")
    pairs = [
        pair(1, subject(1, asked, text="nothing"), subject(2, asked, text="all")),
        pair(2, subject(3, plain, text="an <image>"), subject(4, plain, text="a dog")),
        pair(3, subject(5, plain, text="a cat"), subject(6, plain, text="a dog")),
    ]
    made = source(pairs, store, task="text")

    for name in ("llamafactory-dpo", "ms-swift-dpo"):
        manifest = write_export(made, [name], tmp_path / name).manifest
        assert manifest["left_out"][name] == {"words that the reader would take for a picture or a video": 2}


def test_tags_and_pictures_are_as_many(tmp_path):
    store = Store()
    prompt = ExportPrompt(
        "p",
        "and now?",
        turns=(("system", "be brief"), ("user", "what?"), ("assistant", "a cat"), ("user", "and now?")),
        inputs=(store.picture(1, role="source"), store.picture(2, role="reference")),
    )
    made = source([pair(1, subject(1, prompt, text="good"), subject(2, prompt, text="bad"))], store, "understanding")
    write_export(made, ["llamafactory-dpo", "ms-swift-dpo"], tmp_path / "out")

    factory = records(tmp_path / "out/llamafactory-dpo/train.json")[0]
    swift = records(tmp_path / "out/ms-swift-dpo/train.jsonl")[0]

    assert [turn["from"] for turn in factory["conversations"]] == ["system", "human", "gpt", "human"]
    assert factory["conversations"][1]["value"] == "<image><image>what?"
    assert len(factory["images"]) == 2
    assert [turn["role"] for turn in swift["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert swift["messages"][1]["content"] == "<image><image>what?"
    for name, row in (("llamafactory-dpo", factory), ("ms-swift-dpo", swift)):
        kept = [(tmp_path / "out" / name / path).read_bytes() for path in row["images"]]
        assert kept == [store.held[item.sha256] for item in prompt.inputs]


@pytest.mark.parametrize(
    "turns", [(("assistant", "hello"),), (("user", "a"), ("user", "b")), (("user", "a"), ("assistant", "b"))]
)
def test_turns_that_do_not_alternate_are_left_out(turns, tmp_path):
    prompt = ExportPrompt("p", "b", turns=turns)
    good = ExportPrompt("q", "why?")
    pairs = [
        pair(1, subject(1, prompt, text="x"), subject(2, prompt, text="y")),
        pair(2, subject(3, good, text="x"), subject(4, good, text="y")),
    ]

    manifest = write_export(source(pairs, task="text"), ["llamafactory-dpo"], tmp_path / "out").manifest

    assert manifest["configs"]["llamafactory-dpo"]["train"]["rows"] == 1
    assert "do not alternate" in next(iter(manifest["left_out"]["llamafactory-dpo"]))


# -- registries ------------------------------------------------------------------------------------------------------


def test_registries_name_every_split_and_the_fields_of_its_file(tmp_path):
    store = Store()
    pairs = [replace(row, split=split) for row, split in zip(text_pairs(2), ("train", "validation"), strict=True)]
    made = source(pairs, store, task="text", dataset="signs of 'Ödland'")
    write_export(made, ["llamafactory-dpo", "llamafactory-kto", "ms-swift-dpo"], tmp_path / "out")

    factory = json.loads((tmp_path / "out/llamafactory-dpo/dataset_info.json").read_text())
    swift = json.loads((tmp_path / "out/ms-swift-dpo/dataset_info.json").read_text())

    assert set(factory) == {"signs-of-dland-dpo-train", "signs-of-dland-dpo-validation"} or all(
        name.isascii() and "," not in name for name in factory
    )
    for entry in factory.values():
        row = records(tmp_path / "out/llamafactory-dpo" / entry["file_name"])[0]
        assert entry["ranking"] is True
        assert set(entry["columns"].values()) <= set(row)
        assert "images" not in entry["columns"]
    for entry in swift:
        assert (tmp_path / "out/ms-swift-dpo" / entry["dataset_path"]).is_file()


# -- KTO -------------------------------------------------------------------------------------------------------------


def kto_source(store: Store):
    """Of three answers the first always wins, the second wins once in three, the last always loses."""
    prompt = ExportPrompt("p", "a cat")
    best, middle, worst, other = (subject(number, prompt, media=[store.picture(number)]) for number in range(4))
    pairs = [pair(1, best, middle), pair(2, best, worst), pair(3, middle, worst), pair(4, other, middle)]
    return source(pairs, store)


def test_only_answers_whose_pairs_agree_get_a_label(tmp_path):
    made = kto_source(Store())
    manifest = write_export(made, ["diffusion-kto"], tmp_path / "out").manifest

    labels = {row["sample_id"]: row["label"] for row in rows(tmp_path / "out", "diffusion-kto")}

    assert labels == {"s0000": 1, "s0002": 0, "s0003": 1}
    assert manifest["left_out"]["diffusion-kto"] == {"a sample that won and lost": 1}


def test_a_majority_labels_more_when_somebody_asks_for_it(tmp_path):
    made = replace(kto_source(Store()), options={"diffusion-kto.labels": "majority"})
    write_export(made, ["diffusion-kto"], tmp_path / "out")

    found = {row["sample_id"]: (row["label"], row["share"]) for row in rows(tmp_path / "out", "diffusion-kto")}

    assert found["s0001"] == (0, pytest.approx(1 / 3))
    assert read_back(tmp_path / "out", made).is_clean


# -- media against media ----------------------------------------------------------------------------------------------


def test_every_rejected_field_is_repeated_where_the_media_differ(tmp_path):
    store = Store()
    original = store.picture(9, role="source")
    prompt = ExportPrompt("p", "make it blue", inputs=(original,))
    sides = [subject(number, prompt, media=[store.picture(number)]) for number in (1, 2)]
    write_export(source([pair(1, *sides)], store, task="image-editing"), ["ms-swift-media"], tmp_path / "out")

    row = records(tmp_path / "out/ms-swift-media/train.jsonl")[0]

    assert row["messages"] == row["rejected_messages"]
    assert row["messages"][0]["content"].count("<image>") == len(row["images"]) == len(row["rejected_images"]) == 2
    assert row["images"][0] == row["rejected_images"][0]
    assert Path(row["images"][1]).name == sides[0].sample.media[0].path
    assert Path(row["rejected_images"][1]).name == sides[1].sample.media[0].path


# -- best of ----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("I5")
def test_the_best_safe_sample_of_each_prompt_is_kept_and_streams(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 6)
    worst = pairs[0].second
    bad = [opinion(pairs[1].first, pairs[1].second, "both_bad")]
    made = source([*pairs, pair(99, pairs[0].first, replace(worst, scores=(score(0.5),)))], store, opinions=bad)

    manifest = write_export(made, ["best-of"], tmp_path / "out").manifest

    streamed = datasets.load_dataset(str(tmp_path / "out"), "best-of", split="train", streaming=True)
    kept = {row["text"]: row["sample_id"] for row in streamed.remove_columns("image")}
    # The second of each pair has the score 0.5, the first 0; of the pair called bad neither may be imitated.
    assert kept == {row.prompt.text: row.second.sample.id for row in pairs if row.split == "train" and row != pairs[1]}
    assert manifest["left_out"]["best-of"]["a sample called bad together with another"] == 2


def test_words_of_the_best_are_prompt_and_completion(tmp_path):
    write_export(with_scores(source(text_pairs(1), task="text")), ["best-of"], tmp_path / "out")

    row = rows(tmp_path / "out", "best-of")[0]

    assert row["prompt"] == [{"role": "user", "content": "what is 0?"}]
    assert row["completion"] == [{"role": "assistant", "content": "answer 0 1"}]
    assert (row["reward"], row["reward_name"]) == (1.0, "overall/technical 1")


def test_where_less_is_better_the_least_is_best(tmp_path):
    prompt = ExportPrompt("p", "a cat")
    less = [
        subject(number, prompt, text=f"{number}", scores=(replace(score(number / 2, "noise"), is_higher_better=False),))
        for number in (0, 1)
    ]
    write_export(source([pair(1, *less)], task="text"), ["best-of", "reward-vectors"], tmp_path / "out")

    assert rows(tmp_path / "out", "best-of")[0]["sample_id"] == "s0000"
    vectors = {row["sample_id"]: row["values"] for row in rows(tmp_path / "out", "reward-vectors")}
    assert vectors == {"s0000": [0.0], "s0001": [-0.5]}
    goals = {row["sample_id"]: row["goal"] for row in rows(tmp_path / "out", "goal-rows")}
    assert goals == {"s0000": "noise/technical 1: 4 of 4", "s0001": "noise/technical 1: 2 of 4"}


# -- what may not leave ------------------------------------------------------------------------------------------------


def test_reasons_come_from_notes_that_may_leave(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "what?", inputs=(store.picture(1, role="source"),))
    noted = subject(1, prompt, text="good", notes=(ExportNote(RULE, "", "names the cat", "1.0"),))
    write_export(
        source([pair(1, noted, subject(2, prompt, text="bad"))], store, "understanding"), ["mm-rlhf"], tmp_path / "o"
    )

    row = records(tmp_path / "o/mm-rlhf/train/dpo_pairs.jsonl")[0]

    assert (row["chosen_reason"], row["rejected_reason"], row["is_tie"]) == ("names the cat", "", False)


def test_a_version_without_anything_to_rank_is_refused_in_words(tmp_path):
    with pytest.raises(Refused, match=r"groups could write no row.*fewer than two samples that have a reward"):
        write_export(source(text_pairs(), task="text"), ["groups"], tmp_path / "out")


# -- benchmark layouts ----------------------------------------------------------------------------------------------


def test_a_benchmark_of_rewards_has_good_and_bad_answers(tmp_path):
    prompt = ExportPrompt("p", "why?")
    good, bad, worse = (subject(number, prompt, text=f"answer {number}") for number in range(3))
    write_export(source([pair(1, good, bad), pair(2, good, worse)], task="text"), ["rewardbench2"], tmp_path / "out")

    row = rows(tmp_path / "out", "rewardbench2")[0]

    assert (row["chosen"], row["rejected"]) == (["answer 0"], ["answer 1", "answer 2"])
    assert (row["num_correct"], row["num_incorrect"], row["total_completions"]) == (1, 2, 3)
    assert row["models"] == ["painter-0", "painter-1", "painter-2"]


def test_sides_of_a_benchmark_do_not_follow_the_winner(tmp_path):
    store = Store()
    prompts = [
        ExportPrompt(f"p{number}", f"what is {number}?", inputs=(store.picture(1, role="source"),))
        for number in range(40)
    ]
    pairs = [
        pair(number, subject(2 * number, prompt, text="good"), subject(2 * number + 1, prompt, text="bad"))
        for number, prompt in enumerate(prompts)
    ]
    write_export(source(pairs, store, "understanding"), ["vl-rewardbench"], tmp_path / "out")

    found = rows(tmp_path / "out", "vl-rewardbench")

    assert 8 < sum(row["human_ranking"] == [0, 1] for row in found) < 32
    assert all(row["response"][row["human_ranking"].index(0)] == "good" for row in found)
    assert PERSON.id not in json.dumps([row["models"] for row in found])


def test_votes_of_a_picture_benchmark_include_ties_and_both_bad(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 4)
    outcomes = ["first", "second", "tie", "both_bad"]
    pairs = [replace(row, split="train", preference=said) for row, said in zip(pairs, outcomes, strict=True)]
    made = source(pairs, store)
    write_export(made, ["genai-bench"], tmp_path / "out")

    votes = [row["vote_type"] for row in rows(tmp_path / "out", "genai-bench")]

    assert {"tievote", "bothbad_vote"} < set(votes)
    clean(tmp_path / "out", made, winners=2)


def test_a_machine_that_judges_is_named_and_a_person_is_a_pseudonym(tmp_path):
    judge = ExportRater("judge@0a1b2c3d", "model")
    prompt = ExportPrompt("p", "why?")
    answers = [
        subject(number, prompt, text=f"answer {number}", scores=(score(number, rater=judge),)) for number in (0, 1)
    ]
    write_export(source([pair(1, *answers)], task="text"), ["groups"], tmp_path / "out")

    assert rows(tmp_path / "out", "groups")[0]["reward_name"] == "overall/judge@0a1b2c3d"
