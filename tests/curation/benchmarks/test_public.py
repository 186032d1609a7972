"""Public benchmarks imported whole: held out at once, and machines tested on them give the numbers counted by hand."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from curation.actions import benchmarks, examining
from curation.actions.examining import Choice
from curation.errors import Refused
from curation.models import Benchmark, Project, Sample, Score
from scoring.actions.starting import start_scoring
from tests.curation.exports import frozen
from tests.curation.formats.drawn import save_json, save_lines
from tests.scoring.job_helpers import work_through

pytestmark = pytest.mark.django_db

# Whether the longer answer is the better one: the first of each line is right, the others are wrong.
ANSWERS = [
    ("How many legs has a spider?", "It has eight legs.", ["Six legs.", "Ten.", "Four legs, like a cat or a dog."]),
    ("Capital of France?", "Paris is its capital.", ["Lyon.", "Rome.", "Nice is it."]),
    ("Two and two?", "Four.", ["It is five.", "Three, I think.", "Twenty."]),
]


def imported(path: Path, slug: str, *options: str) -> tuple[Project, str]:
    out = StringIO()
    call_command("import_samples", slug, str(path), *options, stdout=out)
    return Project.objects.get(slug=slug), out.getvalue()


def reward_bench_2(tmp_path: Path) -> Path:
    rows = [
        {
            "id": str(number),
            "prompt": prompt,
            "chosen": [right],
            "rejected": wrong,
            "num_correct": 1,
            "num_incorrect": 3,
            "models": ["w", "x", "y", "z"],
            "subset": "Focus" if number else "Factuality",
        }
        for number, (prompt, right, wrong) in enumerate(ANSWERS)
    ]
    return save_lines(tmp_path / "reward-bench-2.jsonl", rows)


@pytest.mark.capability("H3")
def test_a_public_benchmark_gives_the_accuracy_table_counted_by_hand(tmp_path):
    """The rule “more words are better”, on nine couples: 2 of 3, 3 of 3, and 0 of 2 with a tie."""
    project, told = imported(reward_bench_2(tmp_path), "spiders")

    (job,) = start_scoring(project=project, scorers={"text_rules": {}}, by=None)
    assert work_through(job).state == "done"

    words = dict(
        Score.objects.filter(criterion_version__criterion__key="text_words").values_list("sample__text", "value")
    )
    assert (words["It has eight legs."], words["Twenty."], words["Four."]) == (4, 1, 1)
    answer = examining.make(project=project, choice=Choice(by=("tag",)))
    (column,) = (one for one in answer.found.machines if answer.name(one.column).endswith("text_words"))
    right, decided = by_hand(words)
    assert (right, decided) == (5, 8)
    assert column.accuracy.value == pytest.approx((right + 0.5) / 9)
    assert "frozen as the benchmark reward-bench-2" in told
    assert Benchmark.objects.get().item_count == 3


def by_hand(words: dict[str, float]) -> tuple[int, int]:
    """Couples in which the right answer has more words, and couples without a tie."""
    couples = [(words[right], words[answer]) for _prompt, right, wrong in ANSWERS for answer in wrong]
    return sum(up > down for up, down in couples), sum(up != down for up, down in couples)


def test_a_real_benchmark_is_held_out_at_once(shared: Path):
    project, told = imported(shared / "data/benchmarks/vl-rewardbench-400.json", "vl", "--declare-absent")

    benchmark = Benchmark.objects.get()
    assert str(benchmark) == "vl-rewardbench-400@1"
    assert benchmark.source == "import"
    assert "vl-rewardbench-400@1: held out of all training" in told
    barred = benchmarks.barred_frames()
    prompts = set(project.prompts.values_list("identity", flat=True))
    assert set(barred.filter(barred["kind"] == "prompt")["digest"]) == prompts


@pytest.mark.parametrize("file", ["editreward-layout-503.json", "vl-rewardbench-400.json"])
def test_real_files_come_whole_with_every_verdict(shared: Path, file):
    rows = json.loads((shared / "data/benchmarks" / file).read_text())

    project, _told = imported(shared / "data/benchmarks" / file, "real", "--declare-absent", "--benchmark", "real")

    benchmark = Benchmark.objects.get()
    assert (benchmark.name, benchmark.source_name) == ("real", file)
    people = project.judgements.exclude(act="rate").count()
    assert people == len(rows)


def test_a_training_file_is_none_unless_somebody_says_so(tmp_path):
    rows = [{"prompt": "a cat", "file_path": ["a.png", "b.png"], "human_preference": [1, 0]}]
    path = save_json(tmp_path / "train.json", rows)

    imported(path, "cats", "--declare-absent")

    assert not Benchmark.objects.exists()


def test_a_benchmark_can_be_imported_as_training_data_on_demand(tmp_path):
    _project, told = imported(reward_bench_2(tmp_path), "spiders", "--benchmark", "")

    assert not Benchmark.objects.exists()
    assert "held out" not in told


def test_importing_again_and_elsewhere_is_no_second_freeze_under_one_name(tmp_path):
    path = reward_bench_2(tmp_path)
    imported(path, "spiders")
    imported(path, "spiders")
    imported(path, "elsewhere")

    assert [str(one) for one in Benchmark.objects.order_by("name")] == [
        "reward-bench-2@1",
        "reward-bench-2-elsewhere@1",
    ]


def test_a_dry_run_says_so_and_freezes_nothing(tmp_path):
    _out = StringIO()
    call_command("import_samples", "spiders", str(reward_bench_2(tmp_path)), "--dry-run", stdout=_out)

    assert "it would be frozen as the benchmark reward-bench-2" in _out.getvalue()
    assert not Benchmark.objects.exists()


def test_an_imported_benchmark_pairs_nowhere(tmp_path):
    project, _told = imported(reward_bench_2(tmp_path), "spiders")

    recipe = "recipe: 1\ntitle: t\npairing: {rule: judged_pairs, by: {votes: overall}}\n"
    version = frozen.freeze(project, "spiders", recipe)

    assert version.pair_count == 0
    assert Sample.objects.filter(project=project).count() == 12


def test_a_name_that_is_none_is_refused_before_anything_is_read(tmp_path):
    from curation.actions import importing

    with pytest.raises(Refused, match="cannot name a benchmark"):
        importing.for_path(reward_bench_2(tmp_path), benchmark="My Bench")
