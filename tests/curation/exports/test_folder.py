"""An export is whole or not there, and never writes over what is not its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from curation.errors import Conflict, Refused
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, picture_pairs, source


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    store.held.popitem()

    with pytest.raises(Refused, match="gone from the store"):
        write_export(made, ["canonical"], tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_damaged_media_stop_the_export(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    name = next(iter(store.held))
    store.held[name] += b"!"

    with pytest.raises(Refused, match="damaged"):
        write_export(made, ["canonical"], tmp_path / "out")


KILLED = """
import sys, time
from pathlib import Path
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, picture_pairs, source

store = Store()
made = source(picture_pairs(store), store)

def stop(rows):
    print("writing", flush=True)
    time.sleep(60)

write_export(made, ["canonical"], Path(sys.argv[1]), report=stop)
"""


def test_a_killed_export_leaves_nothing_half_done_and_can_be_repeated(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "out")], stdout=subprocess.PIPE, cwd=os.getcwd()
    )
    assert process.stdout.readline() == b"writing\n"
    with pytest.raises(Conflict, match="right now"):
        write_export(made, ["canonical"], tmp_path / "out")

    process.send_signal(signal.SIGKILL)
    process.wait()

    assert not (tmp_path / "out").exists()
    write_export(made, ["canonical"], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_replaces_an_earlier_one_of_the_same_dataset(tmp_path):
    store = Store()
    write_export(source(picture_pairs(store, 3), store), ["canonical"], tmp_path / "out")

    write_export(source(picture_pairs(store, 6), store, version="4"), ["pickapic"], tmp_path / "out")

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["version"], list(manifest["configs"])) == ("4", ["pickapic"])
    assert not (tmp_path / "out" / "pairs").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")

    with pytest.raises(Refused, match="not an export of ours"):
        write_export(made, ["canonical"], tmp_path / "thesis")

    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_an_export_of_another_dataset_is_left_alone(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    write_export(made, ["canonical"], tmp_path / "out")

    with pytest.raises(Refused, match="an export of signs, not of other"):
        write_export(replace(made, context=replace(made.context, dataset="other")), ["canonical"], tmp_path / "out")


@pytest.mark.parametrize(("name", "what"), [("notes.txt", "is new"), ("README.md", "was edited")])
def test_an_export_somebody_worked_on_is_left_alone(tmp_path, name, what):
    store = Store()
    made = source(picture_pairs(store), store)
    write_export(made, ["canonical"], tmp_path / "out")
    (tmp_path / "out" / name).write_text("mine")

    with pytest.raises(Refused, match=f"{name} {what}"):
        write_export(made, ["canonical"], tmp_path / "out")

    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_kill_between_the_two_renames_brings_the_old_export_back(tmp_path):
    store = Store()
    made = source(picture_pairs(store), store)
    write_export(made, ["canonical"], tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.pairwright-replaced")

    with pytest.raises(Refused):
        write_export(replace(made, context=replace(made.context, dataset="other")), ["canonical"], tmp_path / "out")

    assert (tmp_path / "out" / "manifest.json").exists()


def test_a_version_without_pairs_is_refused_with_a_reason(tmp_path):
    store = Store()
    ties = [replace(row, preference="tie") for row in picture_pairs(store, 2)]

    with pytest.raises(Refused, match="2 because of a tie or both bad"):
        write_export(source(ties, store), ["pickapic"], tmp_path / "out")


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(Refused, match=r"no format parquet\. There are: canonical, trl, trl-kto, pickapic"):
        write_export(source([]), ["parquet"], tmp_path / "out")


def test_memory_does_not_grow_with_the_number_of_pairs(tmp_path):
    """Peak memory of 120 MB of pictures is within 40 MB of that of 360 MB."""
    small, large = (_peak_of(count, tmp_path / str(count)) for count in (60, 180))

    assert large - small < 40_000_000


PEAK = """
import resource, sys, time, hashlib, io
from dataclasses import replace
from pathlib import Path
from curation.exports.rows import ExportMedia
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, pair, source, subject
from curation.exports.rows import ExportPrompt

class Large(Store):
    def put_number(self, number):
        return hashlib.sha256(self.content(number)).hexdigest()
    def content(self, number):
        return number.to_bytes(4, "big") * 250_000
    def open(self, digest):
        return io.BytesIO(self.content(self.held[digest]))

store = Large()
def one(number):
    digest = store.put_number(number)
    store.held[digest] = number
    return ExportMedia(digest, "image/png", "image", 10, 10)
pairs = []
for n in range(int(sys.argv[2])):
    prompt = ExportPrompt(f"p{n}", "x")
    pairs.append(pair(n, subject(2*n, prompt, media=[one(2*n)]), subject(2*n+1, prompt, media=[one(2*n+1)])))
made = replace(source(pairs, store), candidates=lambda split: iter(()))
write_export(made, ["canonical"], Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def _peak_of(count: int, folder) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder), str(count)],
        capture_output=True,
        text=True,
        check=True,
        cwd=os.getcwd(),
    )
    return int(done.stdout)
