"""Which imported files are public benchmarks: they are held out of training from the moment they are here."""

from __future__ import annotations

import re
from pathlib import Path

from curation.formats.glance import look_at

# Published to test with, and with nothing else in them.
ALWAYS = frozenset({"vl_rewardbench", "genai_bench", "reward_bench", "reward_bench_2"})
# Published for training and for testing in one layout; the name of the file tells them apart.
BY_NAME = frozenset({"imagereward", "hpdv2", "hpdv3", "editreward", "videoalign", "mm_rlhf", "pickapic"})
_TESTS = re.compile(r"(?:^|[^a-z])(?:test|eval|bench|benchmark)|rewardbench", re.IGNORECASE)


def is_benchmark(format_name: str, path: Path) -> bool:
    """Whether a file in a format is a benchmark.

    >>> is_benchmark("hpdv2", Path("test.json")), is_benchmark("hpdv2", Path("train.json"))
    (True, False)
    """
    if format_name in ALWAYS:
        return True
    if format_name not in BY_NAME:
        return False
    # VideoGen-RewardBench names the models and an overall verdict; VideoAlign's training files do not.
    if format_name == "videoalign" and path.is_file() and look_at(path).has("A_model", "B_model", "Overall"):
        return True
    return bool(_TESTS.search(path.stem))
