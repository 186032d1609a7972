"""`control_edges`: edges where they are drawn, distances counted by hand, and pictures that keep to their map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scoring.catalogue import build
from scoring.scorers.base import NotApplicable, Reading, ScorerUnavailable
from scoring.scorers.control_edges import agreement, edges_of
from tests.scoring import making


def said(folder: Path, picture: Image.Image, control: Image.Image, facts: Any = None, **settings: str) -> Any:
    shown, wanted = (making.saved(one, folder) for one in (picture, control))
    item = making.item(shown, roles={"control": (wanted,)}, facts=facts or {})
    (found,) = making.outcomes(build("control_edges", settings), [item])
    return found


def values(found: Any) -> list[float]:
    assert isinstance(found, Reading), found
    return [result.value for result in found.results.values()]


def box(left: int, top: int, right: int, bottom: int) -> Image.Image:
    picture = Image.new("L", (120, 100), 40)
    ImageDraw.Draw(picture).rectangle((left, top, right, bottom), fill=220)
    return picture


def drawn(*lines: tuple[int, int, int, int]) -> Image.Image:
    picture = Image.new("L", (120, 100))
    for line in lines:
        ImageDraw.Draw(picture).line(line, fill=255)
    return picture


LEFT, RIGHT, TOP, BOTTOM = (30, 20, 30, 70), (80, 20, 80, 70), (30, 20, 80, 20), (30, 70, 80, 70)


# -- the shares by hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0, 1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_shares_equal_those_counted_point_by_point(tolerance: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    found, wanted = random.random((2, 23, 31)) < (0.01 + 0.02 * seed)

    near = [
        [
            min(float(np.hypot(*(one - other))) for other in np.argwhere(others)) <= tolerance
            for one in np.argwhere(points)
        ]
        for points, others in ((found, wanted), (wanted, found))
    ]

    shares = agreement(found, wanted, tolerance)
    assert (shares.precision, shares.recall) == pytest.approx((np.mean(near[0]), np.mean(near[1])))


def test_nothing_agrees_with_nothing_and_not_with_something() -> None:
    nothing, something = np.zeros((4, 4), bool), np.eye(4, dtype=bool)

    assert agreement(nothing, nothing, 2).both == 1.0
    assert agreement(nothing, something, 2).both == agreement(something, nothing, 2).both == 0.0
    assert agreement(something, np.roll(something, 2, axis=1), 0).both == 0.0


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_edges_are_found_where_they_are_drawn() -> None:
    rows, columns = np.nonzero(edges_of(box(30, 20, 80, 70)))

    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((20, 70, 30, 80), abs=1)
    assert not edges_of(Image.new("L", (50, 50), 90)).any()


def test_a_picture_that_keeps_to_its_map_has_all_edges_and_no_others(tmp_path: Path) -> None:
    found = said(tmp_path, box(30, 20, 80, 70), drawn(LEFT, RIGHT, TOP, BOTTOM))

    assert values(found) == [1.0, 1.0, 1.0]


def test_what_is_missing_lowers_recall_and_what_is_too_much_lowers_precision(tmp_path: Path) -> None:
    missing = values(said(tmp_path, box(30, 20, 80, 70), drawn(LEFT, RIGHT, TOP, BOTTOM, (100, 10, 100, 90))))
    surplus = values(said(tmp_path, box(30, 20, 80, 70), drawn(LEFT, RIGHT)))

    lines, other = 2 * 51 + 2 * 51 - 4, 81
    assert missing[1:] == pytest.approx([1.0, lines / (lines + other)], abs=0.005)
    assert missing[0] == pytest.approx(2 * missing[2] / (1 + missing[2]))
    assert surplus[2] == 1.0
    assert surplus[1] == pytest.approx(0.53, abs=0.04)


@pytest.mark.parametrize(("shift", "tolerance", "agrees"), [(2, "3", True), (6, "3", False), (2, "0", False)])
def test_the_tolerance_decides_how_far_an_edge_may_be(shift: int, tolerance: str, agrees: bool, tmp_path: Path) -> None:
    found = said(tmp_path, box(30 + shift, 20, 80 + shift, 70), drawn(LEFT, RIGHT, TOP, BOTTOM), tolerance=tolerance)

    assert (values(found)[0] == 1.0) is agrees


def test_a_picture_of_another_size_is_brought_to_that_of_the_map(tmp_path: Path) -> None:
    large = box(30, 20, 80, 70).resize((360, 300), Image.Resampling.BICUBIC)

    assert values(said(tmp_path, large, drawn(LEFT, RIGHT, TOP, BOTTOM)))[0] == pytest.approx(1.0, abs=0.01)


def test_the_edges_of_a_picture_as_control_are_found_first(tmp_path: Path) -> None:
    one, other = making.scene(seed=1), making.scene(seed=2)

    assert values(said(tmp_path, one, one, map="picture")) == [1.0, 1.0, 1.0]
    assert values(said(tmp_path, other, one, map="picture"))[0] < 0.5


def test_another_kind_of_control_and_several_are_left_out(tmp_path: Path) -> None:
    shown = making.saved(making.scene(), tmp_path)
    several = making.item(shown, roles={"control": (shown, shown)})

    assert said(tmp_path, making.scene(), making.scene(), {"control": "depth"}) == NotApplicable(
        "the prompt's control picture is of the kind “depth”, not “edges”"
    )
    assert isinstance(said(tmp_path, making.scene(), making.scene(), {"control": "edges"}), Reading)
    (found,) = making.outcomes("control_edges", [several])
    assert found == NotApplicable("the prompt has 2 control pictures; edges are held against one")


@pytest.mark.parametrize("tolerance", ["-1", "33", "two"])
def test_a_wrong_tolerance_is_refused(tolerance: str) -> None:
    with pytest.raises(ScorerUnavailable, match="0 to 32 pixels"):
        build("control_edges", {"tolerance": tolerance})
