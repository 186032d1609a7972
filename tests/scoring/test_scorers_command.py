"""`manage.py scorers fetch` and `check`: where weights are, and whether an installation gives the stated numbers."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scoring.actions import checking
from scoring.catalogue import CATALOGUE
from scoring.facts.vision import UNSAFE
from scoring.scorers.base import Published
from tests.scoring import making, vision_oracle, vision_weights


@pytest.fixture(autouse=True)
def _data_of_its_own(settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    vision_weights.make_classifier(folder)
    return folder


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    for seed in (1, 2):
        making.saved(making.scene(200, 150, seed), folder, f"{seed}.png")
    return folder


@pytest.fixture
def stated(weights: Path, samples: Path, monkeypatch) -> Any:
    """The card of `unsafe` with numbers that another implementation found on the samples, moved by `error`."""

    def with_error(error: float = 0.0) -> None:
        processor = vision_weights.classifier_processor()
        pictures = [making.scene(200, 150, seed) for seed in (1, 2)]
        values = vision_oracle.unsafe(
            vision_oracle.read(weights), processor(images=pictures, return_tensors="pt")["pixel_values"], 1
        )
        published = tuple(
            Published(f"{seed}.png", "", "unsafe", value + error * (seed - 1), 1e-5, "the paper, table 1")
            for seed, value in enumerate(values, start=1)
        )
        monkeypatch.setitem(CATALOGUE, "unsafe", replace(UNSAFE, published=published))

    return with_error


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("scorers", *arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


# -- list, fetch ------------------------------------------------------------------------------------------------------


def test_the_list_says_the_queue_and_whether_weights_are_here() -> None:
    lines = {line.split()[0]: line for line in run("list").splitlines() if line}

    assert "gpu  weights not here" in lines["unsafe"]
    assert "cpu  no weights" in lines["technical"]
    assert "cpu  weights here" in lines["ocr"]  # in its wheel


def test_fetch_says_where_the_weights_are_and_their_digest(weights: Path) -> None:
    said = run("fetch", "unsafe", set=[f"source={weights}"])

    path = weights / "model.safetensors"
    assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}" in said
    assert f"{weights}\n" in said
    assert "(unsafe version 1) can run here" in said


def test_fetch_takes_settings_as_the_command_score_has_them(weights: Path) -> None:
    assert "can run here" in run("fetch", "unsafe", set=[f"unsafe.source={weights}", "labels=normal"])


def test_fetch_of_a_rule_says_that_there_is_nothing() -> None:
    assert "is a rule and has no weights" in run("fetch", "technical")


def test_fetch_offline_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="are not on this machine and the Hub does not give them"):
        run("fetch", "unsafe")


@pytest.mark.parametrize(
    ("given", "match"),
    [("source", "is not SETTING=VALUE"), ("colour=red", r"has no setting “colour”\. It has: batching, labels")],
)
def test_wrong_settings_are_refused(given: str, match: str) -> None:
    with pytest.raises(CommandError, match=match):
        run("fetch", "unsafe", set=[given])


# -- check ------------------------------------------------------------------------------------------------------------


def test_right_numbers_pass_and_are_kept(weights: Path, samples: Path, stated: Any, settings) -> None:
    stated()

    said = run("check", "unsafe", samples=str(samples), set=[f"source={weights}"])

    assert said.count("right") == 2
    assert "“unsafe” gives what is stated" in said
    found = checking.latest("unsafe")
    assert found is not None
    assert found.is_right
    assert [(one.sample, one.tolerance) for one in found.compared] == [("1.png", 1e-5), ("2.png", 1e-5)]
    assert found.identity["weights"] == hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    (file,) = (settings.DATA_DIR / "checks" / "unsafe").iterdir()
    assert file.name == f"{found.digest}.json"
    assert json.loads(file.read_text())["scorer"] == "unsafe"


def test_a_difference_is_shown_recorded_and_ends_with_1(weights: Path, samples: Path, stated: Any) -> None:
    stated(error=0.01)
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 of 2 numbers of “unsafe” are not what is stated") as raised:
        call_command("scorers", "check", "unsafe", samples=str(samples), set=[f"source={weights}"], stdout=out)

    assert raised.value.returncode == 1
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert rows[1][-1] == "right"
    assert rows[2][-1] == "DIFFERENT"
    assert rows[2][4] == "-0.01"
    found = checking.latest("unsafe")
    assert found is not None
    assert [one.is_right for one in found.compared] == [True, False]


def test_each_rater_has_a_check_of_its_own_and_the_last_one_is_shown(
    weights: Path, samples: Path, stated: Any, monkeypatch
) -> None:
    stated()
    run("check", "unsafe", samples=str(samples), set=[f"source={weights}"])
    first = checking.latest("unsafe")
    later = checking.timezone.now().replace(year=2100)
    monkeypatch.setattr(checking.timezone, "now", lambda: later)
    with pytest.raises(CommandError, match="2 of 2"):
        run("check", "unsafe", samples=str(samples), set=[f"source={weights}", "labels=normal"])

    second = checking.latest("unsafe")

    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert second.at.startswith("2100")
    assert checking.of_identity("unsafe", first.digest) == first
    assert checking.of_identity("unsafe", "0" * 64) is None


def test_a_sample_the_scorer_cannot_judge_is_no_agreement(weights: Path, samples: Path, monkeypatch) -> None:
    monkeypatch.setitem(
        CATALOGUE, "unsafe", replace(UNSAFE, published=(Published("1.png", "", "beauty", 0.5, 1, "the paper"),))
    )

    with pytest.raises(CommandError, match="1 of 1"):
        run("check", "unsafe", samples=str(samples), set=[f"source={weights}"])


def test_what_is_missing_for_a_check_is_said(weights: Path, samples: Path, stated: Any) -> None:
    source = [f"source={weights}"]
    with pytest.raises(CommandError, match="state no number"):
        run("check", "technical")
    stated()
    with pytest.raises(CommandError, match=r"--samples FOLDER. They are: 1.png, 2.png \(the paper, table 1\)"):
        run("check", "unsafe", set=source)
    (samples / "2.png").unlink()
    with pytest.raises(CommandError, match=r"lacks 2.png. They come from: the paper, table 1"):
        run("check", "unsafe", samples=str(samples), set=source)
    (samples / "2.png").write_bytes(b"no picture")
    with pytest.raises(CommandError, match=r"2\.png"):
        run("check", "unsafe", samples=str(samples), set=source)


def test_a_check_without_weights_says_how_to_fetch_them(samples: Path, stated: Any) -> None:
    stated()

    with pytest.raises(CommandError, match=r"scorers fetch unsafe; from another place: --set source="):
        run("check", "unsafe", samples=str(samples))


def test_a_scorer_never_checked_has_no_result() -> None:
    assert checking.latest("unsafe") is None


def test_the_list_and_the_card_say_which_scorers_have_numbers_for_parts() -> None:
    listed, shown = io.StringIO(), io.StringIO()

    call_command("scorers", "list", stdout=listed)
    call_command("scorers", "show", "technical", stdout=shown)

    lines = {line.split()[0]: line for line in listed.getvalue().splitlines() if line.strip()}
    assert lines["technical"].endswith("(and numbers for parts)")
    assert not lines["text_rules"].endswith("(and numbers for parts)")
    assert "parts: heatmap: the same within each cell of a picture, 8 along the longer side" in shown.getvalue()
    assert shown.getvalue().count("parts:") == 2
