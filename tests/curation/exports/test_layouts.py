"""Every layout written, read back by its own reader, and spoiled: swapped, tied, robbed of a file, named by a path."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.checksums import write_checksums
from curation.exports.readback import read_back
from curation.exports.rows import ExportPrompt
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, pair, picture_pairs, score, source, subject, vote
from tests.curation.exports.reading import truths, winners

VIDEOS = ("videoalign", "videodpo")


def made_for(name: str, count: int = 9):
    """A version that a layout carries: pictures, edits or videos, by the format's name."""
    store = Store()
    if name in VIDEOS:
        return video_version(store, count), store
    if name == "editreward":
        return edit_version(store, count), store
    return source(picture_pairs(store, count), store), store


def video_version(store: Store, count: int = 9):
    pairs = []
    for number in range(count):
        prompt = ExportPrompt(f"p{number:04d}", f'a "cat", take {number}\nand a line')
        sides = [subject(2 * number + side, prompt, media=[store.video(2 * number + side)]) for side in (0, 1)]
        winner = "first" if number % 2 == 0 else "second"
        votes = (vote(winner), vote("tie", criterion="VQ"), vote("second", criterion="motion_quality"))
        split = "validation" if number % 3 == 2 else "train"
        pairs.append(pair(number, *sides, winner, split, votes=votes, confidence=0.9))
    return source(pairs, store, "text-to-video")


def edit_version(store: Store, count: int = 9):
    pairs = []
    for number in range(count):
        prompt = ExportPrompt(f"p{number:04d}", "make it blue", inputs=(store.picture(500 + number, role="source"),))
        sides = [
            subject(
                2 * number + side,
                prompt,
                media=[store.picture(2 * number + side)],
                scores=(score(side + 1.0, "following"), score(side + 2.0, "quality"), score(0.1, f"only-{side}")),
            )
            for side in (0, 1)
        ]
        winner = "first" if number % 2 == 0 else "second"
        pairs.append(pair(number, *sides, winner, "train" if number % 3 else "validation", votes=(vote(winner),)))
    return source(pairs, store, "image-editing")


def names_of(format_names: list[str]):
    return pytest.mark.parametrize("name", format_names)


ALL = [
    *("diffusion-dpo", "chosen-rejected", "orpo-tar", "webdataset", "imagereward", "hpdv2", "hpsv3"),
    *("editreward", "videoalign", "videodpo"),
]


@names_of(ALL)
def test_a_layout_comes_back_with_every_winner_and_every_byte(tmp_path, name):
    made, _store = made_for(name)

    manifest = write_export(made, [name], tmp_path / "out").manifest

    found = read_back(tmp_path / "out", made)
    assert [str(finding) for finding in found.findings] == []
    assert found.winners == 9
    assert found.media >= 18
    assert sum(split["rows"] for split in manifest["configs"][name].values()) == 9
    assert not list((tmp_path / "out").rglob("*.partial"))


@names_of(ALL)
def test_the_same_version_gives_the_same_files(tmp_path, name):
    for place in ("one", "other"):
        write_export(made_for(name)[0], [name], tmp_path / place)

    first, second = ((tmp_path / place / "checksums.sha256").read_text() for place in ("one", "other"))
    # The card names the folder.
    assert [line for line in first.splitlines() if "README" not in line] == [
        line for line in second.splitlines() if "README" not in line
    ]


@names_of([name for name in ALL if name not in ("editreward", "videoalign", "imagereward", "hpdv2")])
def test_a_tie_reaches_no_row_and_is_counted(tmp_path, name):
    made, store = made_for(name)
    pairs = [row for split in made.context.splits for row in made.pairs(split)]
    tied = [replace(pairs[0], preference="tie"), replace(pairs[1], preference="both_bad"), *pairs[2:]]

    manifest = write_export(source(tied, store, made.context.task), [name], tmp_path / "out").manifest

    assert sum(manifest["left_out"][name].values()) == 2
    assert sum(split["rows"] for split in manifest["configs"][name].values()) == 7


@names_of(ALL)
def test_a_format_refuses_a_task_it_cannot_carry_and_names_another(tmp_path, name):
    if name == "webdataset":
        return
    with pytest.raises(Refused, match=f"format {name} cannot carry .* text: .*Use trl"):
        write_export(source([], task="text"), [name], tmp_path / "out")


@names_of(ALL)
def test_a_medium_that_was_exchanged_is_found(tmp_path, name):
    made, _store = made_for(name)
    write_export(made, [name], tmp_path / "out")
    files = sorted((tmp_path / "out" / name).rglob("*.[jm]p[g4]"))
    if not files:  # archives
        spoil_tar(next((tmp_path / "out" / name).glob("train-*.tar")))
    else:
        files[0].write_bytes(files[0].read_bytes() + b"\0")
    restate(tmp_path / "out")

    assert "media-digest" in codes(tmp_path / "out", made)


def test_a_medium_that_is_gone_and_a_path_of_a_machine_are_found(tmp_path):
    made, _store = made_for("hpsv3")
    write_export(made, ["hpsv3"], tmp_path / "out")
    path = tmp_path / "out/hpsv3/train.json"
    rows = json.loads(path.read_text())
    (tmp_path / "out/hpsv3" / rows[0]["path1"]).unlink()
    rows[1]["path2"] = str(tmp_path / "out/hpsv3" / rows[1]["path2"])
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    restate(tmp_path / "out")

    assert {"missing-media", "local-path"} <= codes(tmp_path / "out", made)


def test_a_record_file_that_breaks_off_is_a_finding(tmp_path):
    made, _store = made_for("hpsv3")
    write_export(made, ["hpsv3"], tmp_path / "out")
    path = tmp_path / "out/hpsv3/train.json"
    path.write_text(path.read_text()[:-40])
    restate(tmp_path / "out")

    assert codes(tmp_path / "out", made) == {"does-not-load"}


SWAPS = {
    "diffusion-dpo": ("train/dpo_data.json", lambda row: row.update(label_0=1 - row["label_0"])),
    "hpsv3": ("train.json", lambda row: row.update(path1=row["path2"], path2=row["path1"])),
    "editreward": ("train.json", lambda row: row.update(path1=row["path2"], path2=row["path1"])),
    "videodpo": ("train/dpo_data.json", lambda row: row.update(chosen=row["rejected"], rejected=row["chosen"])),
    "imagereward": ("train.json", lambda row: row["ranking"].reverse()),
    "hpdv2": ("train.json", lambda row: row["human_preference"].reverse()),
}


@pytest.mark.parametrize("name", SWAPS)
def test_a_swapped_winner_is_found_in_a_list(tmp_path, name):
    made, _store = made_for(name)
    write_export(made, [name], tmp_path / "out")
    file, swap = SWAPS[name]
    rows = json.loads((tmp_path / "out" / name / file).read_text())
    swap(rows[1])
    (tmp_path / "out" / name / file).write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    restate(tmp_path / "out")

    assert codes(tmp_path / "out", made) == {"winner"}


def test_a_swapped_winner_is_found_in_folders(tmp_path):
    made, _store = made_for("chosen-rejected")
    write_export(made, ["chosen-rejected"], tmp_path / "out")
    chosen = sorted((tmp_path / "out/chosen-rejected/train/chosen").rglob("*.jpg"))[0]
    rejected = Path(str(chosen).replace("/chosen/", "/rejected/"))
    first, second = chosen.read_bytes(), rejected.read_bytes()
    chosen.write_bytes(second)
    rejected.write_bytes(first)
    restate(tmp_path / "out")

    assert "media-digest" in codes(tmp_path / "out", made)


# -- what each reader does, in a few lines of our own ---------------------------------------------------------------


def truth(made, split: str = "train") -> dict[str, tuple[str, str]]:
    """Digests of winner and loser by pair."""
    return {
        row.pair_id: (row.chosen.sample.media[0].sha256, row.rejected.sample.media[0].sha256)
        for row in made.pairs(split)
    }


def digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sides_of_diffusion_dpo_say_nothing_of_the_winner(tmp_path):
    made, _store = made_for("diffusion-dpo", 60)
    write_export(made, ["diffusion-dpo"], tmp_path / "out")

    rows = json.loads((tmp_path / "out/diffusion-dpo/train/dpo_data.json").read_text())

    assert 10 < sum(row["label_0"] for row in rows) < 30
    for row in rows:
        paths = [row["jpg_0"], row["jpg_1"]] if row["label_0"] else [row["jpg_1"], row["jpg_0"]]
        folder = tmp_path / "out/diffusion-dpo/train"
        assert tuple(digest(folder / path) for path in paths) == truth(made)[row["pair_id"]]


def test_folders_pair_by_name_and_the_rejected_picture_has_the_size_of_the_chosen(tmp_path):
    made, _store = made_for("chosen-rejected")
    write_export(made, ["chosen-rejected"], tmp_path / "out")
    folder = tmp_path / "out/chosen-rejected/train"

    names = [sorted(path.relative_to(folder / side) for path in (folder / side).rglob("*.*")) for side in
             ("chosen", "rejected")]  # fmt: skip
    assert names[0] == names[1]
    by_pair = truth(made)
    for name in names[0]:
        if name.suffix == ".txt":
            assert (folder / "chosen" / name).read_text().startswith("a sign that says")
            continue
        chosen, rejected = (Image.open(folder / side / name) for side in ("chosen", "rejected"))
        assert chosen.size == rejected.size
        assert digest(folder / "chosen" / name) == by_pair[name.stem][0]


def test_sizes_may_be_kept(tmp_path):
    made, _store = made_for("chosen-rejected")
    kept = replace(made, options={"chosen-rejected.sizes": "keep"})

    write_export(kept, ["chosen-rejected"], tmp_path / "out")

    rows = [json.loads(line) for line in (tmp_path / "out/chosen-rejected/train/pairs.jsonl").open()]
    assert all(row["rejected_sha256"] == row["rejected_rendition_sha256"] for row in rows)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"chosen-rejected.sizes": "half"}, "is resize or keep, not half"),
        ({"chosen-rejected.colour": "red"}, "no option chosen-rejected.colour"),
    ],
)
def test_an_unknown_choice_is_refused(tmp_path, option, says):
    made, _store = made_for("chosen-rejected")

    with pytest.raises(Refused, match=says):
        write_export(replace(made, options=option), ["chosen-rejected"], tmp_path / "out")


def test_a_converted_picture_is_no_png_with_another_name(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "red")
    png, jpeg = store.picture(1, "PNG"), store.picture(2, side=40)
    made = source([pair(1, subject(1, prompt, media=[png]), subject(2, prompt, media=[jpeg]))], store)

    write_export(made, ["chosen-rejected"], tmp_path / "out")

    [chosen] = (tmp_path / "out/chosen-rejected/train/chosen").rglob("*.png")
    [rejected] = (tmp_path / "out/chosen-rejected/train/rejected").rglob("*.png")
    with Image.open(rejected) as picture:
        assert (picture.format, picture.size) == ("PNG", (png.width, png.height))
    assert digest(chosen) == png.sha256
    assert read_back(tmp_path / "out", made).is_clean


def test_the_winner_of_an_orpo_tar_is_always_the_first_picture(tmp_path):
    made, _store = made_for("orpo-tar")
    write_export(made, ["orpo-tar"], tmp_path / "out")

    with tarfile.open(tmp_path / "out/orpo-tar/train-00000-of-00001.tar") as archive:
        names = archive.getnames()
        labels = {archive.extractfile(name).read() for name in names if name.endswith(".label_0.txt")}
        first = archive.extractfile(names[0]).read()

    assert labels == {b"1"}
    assert [name.split(".", 1)[1] for name in names[:5]] == [
        "jpg_0.jpg", "jpg_1.jpg", "label_0.txt", "label_1.txt", "original_prompt.txt",
    ]  # fmt: skip
    assert truth(made)[names[0].split(".")[0]][0] == __import__("hashlib").sha256(first).hexdigest()


def test_a_video_table_quotes_what_a_prompt_may_hold_and_says_same_for_a_tied_dimension(tmp_path):
    made, _store = made_for("videoalign")
    write_export(made, ["videoalign"], tmp_path / "out")

    with (tmp_path / "out/videoalign/train.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    by_pair = {row.pair_id: row for row in made.pairs("train")}
    for row in rows:
        assert row["prompt"] == by_pair[row["pair_id"]].prompt.text
        assert (row["VQ"], row["fps_A"], row["num_frames_B"]) == ("same", "4.0", "8.0")
        assert row["TA"] == row["Overall"]
        second = by_pair[row["pair_id"]].second.sample.media[0].sha256
        assert row["MQ"] == ("A" if second.startswith(Path(row["path_A"]).stem) else "B")


def test_ties_of_videos_are_the_word_same(tmp_path):
    made, store = made_for("videoalign")
    tied = [replace(row, preference="tie") for row in made.pairs("train")]

    write_export(source(tied, store, "text-to-video"), ["videoalign"], tmp_path / "out")

    with (tmp_path / "out/videoalign/train.csv").open(newline="") as stream:
        assert {row["Overall"] for row in csv.DictReader(stream)} == {"same"}


def test_scores_of_an_edit_are_one_list_and_a_missing_confidence_no_key(tmp_path):
    made, _store = made_for("editreward")
    write_export(made, ["editreward"], tmp_path / "out")

    rows = json.loads((tmp_path / "out/editreward/train.json").read_text())

    by_pair = {row.pair_id: row for row in made.pairs("train")}
    for row in rows:
        assert not [key for key in row if "dim1" in key]
        assert "confidence" not in row
        assert row["dimensions"] == ["following", "quality"]
        won = 1.0 if by_pair[row["pair_id"]].preference == "first" else 2.0
        assert row["model1_dim_score"] == [won, won + 1]
        assert row["model1_overall_score"] == sum(row["model1_dim_score"])
        assert row["tie_case"] is False


def test_a_tied_edit_has_equal_scores(tmp_path):
    made, store = made_for("editreward")
    tied = [replace(row, preference="tie") for row in made.pairs("train")]

    write_export(source(tied, store, "image-editing"), ["editreward"], tmp_path / "out")

    row = json.loads((tmp_path / "out/editreward/train.json").read_text())[0]
    assert row["tie_case"] is True
    assert row["model1_dim_score"] == row["model2_dim_score"] == [1.5, 2.5]


def test_votes_against_the_winner_would_turn_hpsv3_round_so_the_pair_stays_out(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 3)
    outvoted = replace(pairs[0], votes=(vote("second"), vote("second"), vote("first")))
    made = source([outvoted, *pairs[1:]], store)

    manifest = write_export(made, ["hpsv3"], tmp_path / "out").manifest

    [reason] = manifest["left_out"]["hpsv3"]
    assert "larger count for the winner" in reason


def test_a_group_is_one_ranking_where_its_pairs_rank_it_and_pairs_where_they_do_not(tmp_path):
    store = Store()
    made = source([*group_of(store, 0, [(0, 1), (1, 2), (0, 3)]), *group_of(store, 1, [(0, 1), (2, 1), (0, 2)])], store)

    write_export(made, ["imagereward"], tmp_path / "out")

    rows = json.loads((tmp_path / "out/imagereward/train.json").read_text())
    # The first group's fourth picture lost to the first only: a chain of three and a branch are no ranking.
    assert [row["ranking"] for row in rows if row["prompt"] == "group 1"] == [[1, 3, 2]]
    assert len([row for row in rows if row["prompt"] == "group 0"]) == 3
    assert read_back(tmp_path / "out", made).winners == 6


def group_of(store: Store, number: int, wins: list[tuple[int, int]]):
    prompt = ExportPrompt(f"g{number}", f"group {number}")
    members = [subject(10 * number + place, prompt, media=[store.picture(10 * number + place)]) for place in range(4)]
    return [pair(100 * number + place, members[a], members[b]) for place, (a, b) in enumerate(wins)]


def test_a_picture_that_many_records_share_lies_there_once(tmp_path):
    store = Store()
    made = source(group_of(store, 0, [(0, 1), (0, 2), (0, 3)]), store)

    write_export(made, ["hpsv3"], tmp_path / "out")

    assert len(list((tmp_path / "out/hpsv3/images").rglob("*.jpg"))) == 4


def test_folders_stay_below_the_ten_thousand_entries_the_hub_takes(tmp_path):
    """Media lie in 256 folders by the first digits of a digest, so a folder is full at some two and a half million."""
    made, _store = made_for("hpsv3", 30)

    write_export(made, ["hpsv3"], tmp_path / "out")

    files = [path.relative_to(tmp_path / "out/hpsv3/images") for path in (tmp_path / "out").rglob("*.jpg")]
    assert all(path.parts == (path.name[:2], path.name) for path in files)


def test_an_export_of_layouts_alone_has_a_card_without_configs(tmp_path):
    made, _store = made_for("hpsv3")

    write_export(made, ["hpsv3"], tmp_path / "out")

    card = (tmp_path / "out/README.md").read_text()
    assert "dataset_info" not in card
    assert "HPSv3" in card


def test_layouts_and_tables_lie_in_one_folder_and_both_come_back(tmp_path):
    made, _store = made_for("hpsv3")

    write_export(made, ["hpsv3", "canonical", "webdataset", "pickapic"], tmp_path / "out")

    found = read_back(tmp_path / "out", made)
    assert [str(finding) for finding in found.findings] == []
    assert set(found.rows) == {"hpsv3", "pairs", "ratings", "webdataset", "pickapic"}


def test_every_format_says_what_it_is(tmp_path):
    for format_ in FORMATS.values():
        assert format_.purpose.endswith(".")
        assert format_.ties.endswith(".")
        assert format_.proof.reader
        assert format_.snippet.format(place="PLACE", split="train")
        assert set(format_.configs).isdisjoint(
            config for other in FORMATS.values() if other is not format_ for config in other.configs
        )


# -- our own importers, which know the published formats and nothing of the writers --------------------------------

IMPORTED = {
    "pickapic": ("pickapic", "pickapic/train-00000-of-00001.parquet"),
    "orpo-tar": ("webdataset", "orpo-tar/train-00000-of-00001.tar"),
    "imagereward": ("imagereward", "imagereward/train.json"),
    "hpdv2": ("hpdv2", "hpdv2/train.json"),
    "hpsv3": ("hpdv3", "hpsv3/train.json"),
    "editreward": ("editreward", "editreward/train.json"),
    "videoalign": ("videoalign", "videoalign/train.csv"),
}


@pytest.mark.parametrize("name", IMPORTED)
def test_an_importer_finds_the_same_winners(tmp_path, name):
    made, _store = made_for(name)
    write_export(made, [name], tmp_path / "out")
    importer, path = IMPORTED[name]

    found = winners(tmp_path / "out" / path, tmp_path, importer)

    assert found == truths(made, "train")


# -- helpers ----------------------------------------------------------------------------------------------------


def codes(folder, made) -> set[str]:
    return {finding.code for finding in read_back(folder, made).findings}


def restate(folder: Path) -> None:
    (folder / "checksums.sha256").unlink()
    write_checksums(folder, {})


def spoil_tar(path: Path) -> None:
    """Appends a byte to the first picture of an archive."""
    with tarfile.open(path) as archive:
        members = [(entry.name, archive.extractfile(entry).read()) for entry in archive]
    place = next(number for number, (name, _) in enumerate(members) if name.endswith(".jpg"))
    members[place] = (members[place][0], members[place][1] + b"\0")
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
