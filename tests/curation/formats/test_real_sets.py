"""The real sets: every row is understood, and the counts are those their publishers state."""

from pathlib import Path

import pytest

from tests.curation.formats.drawn import Read


@pytest.mark.parametrize(
    ("name", "format_name", "samples", "prompts", "judgements"),
    [
        ("wan22-videos", "pairwright", 20, 0, 0),
        ("icthp", "pairwright", 6, 0, 0),
        ("imagereward", "pairwright", 4, 0, 1),
        ("imagereward/rankings-200.json", "imagereward", 1092, 0, 200),
        ("videoalign", "videoalign", 6, 0, 9),
        ("videoalign/example.csv", "videoalign", 6, 0, 9),
        ("editreward", "pairwright", 2, 0, 0),
        ("editscore", "pairwright", 1, 0, 0),
        ("benchmarks/editreward-layout-503.json", "editreward", 1006, 0, 1509),
        ("benchmarks/vl-rewardbench-400.json", "vl_rewardbench", 800, 0, 400),
        ("prompts/PartiPrompts.tsv", "partiprompts", 0, 1632, 0),
        ("prompts/geneval-test.jsonl", "geneval", 0, 2212, 0),
        ("prompts/ocr-test.txt", "ocr_prompts", 0, 1018, 0),
        ("prompts/imagereward-benchmark.json", "prompts", 0, 100, 0),
    ],
)
def test_a_real_set_is_recognised_and_read_whole(
    shared: Path, tmp_path: Path, name: str, format_name: str, samples: int, prompts: int, judgements: int
) -> None:
    read = Read(shared / "data" / name, tmp_path)

    assert read.reasons == []
    assert (read.format, len(read.samples), len(read.prompts), len(read.judgements)) == (
        format_name, samples, prompts, judgements,
    )  # fmt: skip


def test_every_quoted_text_of_the_ocr_prompts_becomes_a_fact(shared: Path, tmp_path: Path) -> None:
    read = Read(shared / "data/prompts/ocr-test.txt", tmp_path)

    assert all(prompt.facts.get("text") for prompt in read.prompts)
