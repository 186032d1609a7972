"""CSV, Parquet and WebDataset in the shapes that people have them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.curation.formats.drawn import Read, picture, save_parquet
from tests.curation.formats.test_folders_and_archives import tarred


def test_csv_with_our_columns_synonyms_and_columns_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "caption,image,model,seed,tags,settings,source,cfg\n"
        '"a cat, sleeping",a.png;b.png,sdxl,7,pet;night,"{""steps"": 20}",laion,3.5\n'
        "a dog,c.png,sdxl,x,,,,\n"
        "a cow,d.png,sdxl,,,{bad,,\n"
        "a hen\n"
        ",e.png,sdxl,,,,,\n"
    )

    read = Read(tmp_path / "a.csv", tmp_path)

    (row,) = read.samples
    assert (row.prompt, row.generator, row.seed, row.tags) == ("a cat, sleeping", "sdxl", 7, ("pet", "night"))
    assert ([media.name for media in row.media], row.settings) == (["a.png", "b.png"], {"steps": 20})
    assert row.meta == {"source": "laion", "cfg": "3.5"}
    assert [reason.partition(": ")[2][:30] for reason in read.reasons] == [
        "seed must be a whole number, n", "not valid JSON: Expecting prop", "1 cells where the header names",
        "prompt is missing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"prompt,prompt\na,b\n", "'prompt' is named twice"),
        (b"\n\n", "the first line must name the columns"),
        (b"prompt,image\n\xff,a.png\n", "bad UTF-8"),
        (b'prompt,image\n"a cat\n', "not a valid row"),
        (b"prompt,image\na\x00b,a.png\n", "NUL"),
    ],
)
def test_a_broken_csv_says_where(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)

    assert reason in Read(tmp_path / "a.csv", tmp_path, name="csv").reasons[0]


def test_judgements_as_csv(tmp_path: Path) -> None:
    (tmp_path / "judgements.csv").write_text(
        "kind,rater,left,right,samples,ranks,outcome,strength\ncompare,r1,s1,s2,,,left,2\nrank,r1,,,s1;s2;s3,1;2;2,,\n"
    )

    compare, rank = Read(tmp_path / "judgements.csv", tmp_path).judgements

    assert (compare.outcome, compare.strength) == ("left", 2.0)
    assert (rank.samples, rank.ranks) == (("s1", "s2", "s3"), (1, 2, 2))


def test_parquet_with_datasets_image_columns_and_roles(tmp_path: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("prompt", pa.string()), ("image", image), ("model", pa.string()), ("source_image", image), ("id", pa.int64())]
    )
    cells = [{"bytes": picture("red"), "path": "folder/x.png"}, {"bytes": None, "path": "y.png"}]
    columns = [["a", "b"], cells, ["m", None], [{"bytes": picture("blue"), "path": None}, None], [1, 2]]
    save_parquet(tmp_path / "a.parquet", dict(zip(schema.names, columns, strict=True)), schema)

    first, second = Read(tmp_path / "a.parquet", tmp_path).samples

    assert (first.media[0].data, first.media[0].name, first.sample_key) == (picture("red"), "x.png", "1")
    assert first.roles["source"][0].data == picture("blue")
    assert (second.media[0].path, second.generator, second.roles) == (str(tmp_path / "y.png"), "unknown", {})


def test_parquet_with_raw_binary_lists_and_nan(tmp_path: Path) -> None:
    save_parquet(
        tmp_path / "a.parquet",
        {
            "caption": ["a", "b", "c"],
            "images": [[picture("red"), picture("blue")], [picture()], [picture()]],
            "seed": [1.0, 2.5, float("nan")],
        },
    )

    read = Read(tmp_path / "a.parquet", tmp_path)

    assert [media.data for media in read.samples[0].media] == [picture("red"), picture("blue")]
    assert read.samples[0].seed == 1
    assert ["whole number" in read.reasons[0], "seed is nan" in read.reasons[1]] == [True, True]


def test_a_table_of_captions_calls_its_prompts_text(tmp_path: Path) -> None:
    save_parquet(tmp_path / "a.parquet", {"image": [picture()], "text": ["a cat"]})

    (row,) = Read(tmp_path / "a.parquet", tmp_path).samples

    assert (row.prompt, row.text) == ("a cat", None)


def test_a_torn_parquet_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    file = save_parquet(tmp_path / "a.parquet", {"prompt": ["a"], "text": ["b"]})
    file.write_bytes(file.read_bytes()[:-8])

    assert "half-written" in Read(file, tmp_path, name="parquet").reasons[0]


def test_webdataset_members_with_one_name_are_one_sample(tmp_path: Path) -> None:
    path = tarred(
        tmp_path / "shard-0.tar",
        {
            "0001.jpg": picture(kind="JPEG"), "0001.txt": b"a cat",
            "0001.json": json.dumps({"generator": "sdxl", "seed": 3, "width": 16}).encode(),
            "0002.0.png": picture("red"), "0002.1.png": picture("blue"), "0002.json": b'{"caption": "views"}',
            "0003.png": picture(), "0004.txt": b"no picture", "0005.png": picture(), "0005.txt": b"\xff",
        },
    )  # fmt: skip

    read = Read(path, tmp_path)

    assert read.format == "webdataset"
    first, second = read.samples
    assert (first.prompt, first.generator, first.seed, first.meta) == ("a cat", "sdxl", 3, {"width": 16})
    assert [media.data for media in second.media] == [picture("red"), picture("blue")]
    assert [reason.split(": ")[0] for reason in read.reasons] == [f"shard-0.tar/000{n}" for n in (3, 4, 5)]


def test_webdataset_pairs_bring_their_verdicts(tmp_path: Path) -> None:
    path = tarred(
        tmp_path / "pairs.tar",
        {"k.jpg_0.jpg": picture("red"), "k.jpg_1.jpg": picture("blue"), "k.label_0.txt": b"0", "k.label_1.txt": b"1",
         "k.original_prompt.txt": b"a cat"},
    )  # fmt: skip

    read = Read(path, tmp_path)

    assert [sample.media[0].data for sample in read.samples] == [picture("red"), picture("blue")]
    assert [judgement.outcome for judgement in read.judgements] == ["right"]


def test_a_torn_shard_keeps_its_whole_samples_and_says_that_it_is_torn(tmp_path: Path) -> None:
    path = tarred(
        tmp_path / "s.tar",
        {f"{n}.{e}": b"a cat" if e == "txt" else picture() for n in range(5) for e in ("png", "txt")},
    )
    path.write_bytes(path.read_bytes()[:4500])

    read = Read(path, tmp_path, name="webdataset")

    assert read.samples
    assert "half-written" in read.reasons[-1]
