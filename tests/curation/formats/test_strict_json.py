"""Lines and lists of JSON from strangers."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.formats.fields import RowRefused
from curation.formats.strict_json import elements, lines, parse


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1, "a": 2}', "'a' is given twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' is given twice"),
        (b'{"a": "\xff"}', "bad UTF-8: byte 0xff at position 8"),
        (b'{"a": ', "not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"9" * 5000, "too long"),
    ],
)
def test_what_json_may_not_hold_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RowRefused, match=reason):
        parse(data)


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": 2}')

    found = [(piece.line, piece.data) for piece in lines(file)]

    assert found == [(1, b'{"a": 1}'), (4, b'{"a": 2}')]


def test_a_line_beyond_the_limit_is_passed_over_in_constant_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with file.open("wb") as stream:
        stream.write(b'{"a": 1}\n{"a": "')
        for _ in range(50):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"}\n{"a": 3}\n')

    tracemalloc.start()
    found = list(lines(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [(piece.line, piece.data is None) for piece in found] == [(1, False), (2, True), (3, False)]
    assert "longer than 8 MiB" in found[1].problem
    assert peak < 24_000_000  # the line has 50 MB


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(rows=st.lists(st.dictionaries(st.text(), json_values), max_size=6), indent=st.sampled_from([None, 1]))
def test_a_list_cut_at_its_commas_is_the_list_that_json_reads(tmp_path_factory, rows, indent) -> None:
    file = tmp_path_factory.mktemp("list") / "a.json"
    file.write_text(json.dumps(rows, indent=indent, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")

    found = [piece.data for piece in elements(file)]

    assert [json.loads(data.decode("utf-8", "surrogatepass")) for data in found] == rows


def test_elements_know_their_lines_and_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[\n {"a": "x]},{"},\n {"a": oops, "b": [1, 2]},\n\n {"a": "\\"}"}\n]')

    found = list(elements(file))

    assert [piece.line for piece in found] == [2, 3, 5]
    assert parse(found[0].data) == {"a": "x]},{"}
    assert parse(found[2].data) == {"a": '"}'}
    with pytest.raises(RowRefused, match="not valid JSON"):
        parse(found[1].data)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_pieces_do_not_depend_on_where_the_file_is_cut(tmp_path: Path, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr("curation.formats.strict_json.CHUNK", chunk)
    file = tmp_path / "a.json"
    file.write_text('[ {"a": "é\\\\\\"}, "},\n[1, 2] , 3]')

    assert [parse(piece.data) for piece in elements(file)] == [{"a": 'é\\"}, '}, [1, 2], 3]


def test_a_half_written_list_says_so_after_its_whole_elements(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[{"a": 1}, {"a": ')

    found = list(elements(file))

    assert found[0].data == b'{"a": 1}'
    assert "half-written" in found[-1].problem
