"""Folders, zips and tars: what is taken, and what a hostile one cannot do."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from curation.formats.limits import ArchiveLimits
from curation.formats.unpacking import ArchiveRefused, unpack
from tests.curation.formats.drawn import Read, picture, save_lines, save_picture


def test_a_folder_a_generator_with_the_prompt_beside_each_picture(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for generator, colour in (("sd15", "red"), ("sdxl", "blue")):
        save_picture(root / generator / "cat.png", colour)
        (root / generator / "cat.txt").write_text("a cat\n")
    save_picture(root / "top.png")
    (root / "top.txt").write_bytes(b"bad \xff")
    save_picture(root / "sd15" / "lost.png")
    (root / "sd15" / "virus.exe").write_bytes(b"MZ")
    (root / ".DS_Store").write_bytes(b"x")

    read = Read(root, tmp_path)

    assert read.format == "folder"
    assert [(s.generator, s.prompt, s.where) for s in read.samples] == [
        ("sd15", "a cat", "sd15/cat.png"),
        ("sdxl", "a cat", "sdxl/cat.png"),
    ]
    assert [reason.split(":")[0] for reason in read.reasons] == ["top.png", "sd15/lost.png", "sd15/virus.exe"]
    assert "bad UTF-8" in read.reasons[0]
    assert "there is no lost.txt beside it" in read.reasons[1]


@pytest.mark.parametrize("table", ["prompts.csv", "prompts.tsv", "prompts.jsonl"])
def test_a_folder_with_a_table_of_prompts(tmp_path: Path, table: str) -> None:
    root = tmp_path / "set"
    for name in ("g1/cat.png", "g1/cat_42.png", "g2/cat/7.png", "g2/dog-seed9.png", "g2/cow.png"):
        save_picture(root / name)
    if table.endswith("jsonl"):
        save_lines(
            root / table, [{"key": "cat", "prompt": "a cat", "tags": ["pet"]}, {"key": "dog", "prompt": "a dog"}]
        )
    else:
        mark = "," if table.endswith("csv") else "\t"
        (root / table).write_text(f"key{mark}prompt{mark}tags\ncat{mark}a cat{mark}pet\ndog{mark}a dog{mark}\n")

    read = Read(root, tmp_path)

    assert [(s.where, s.prompt, s.seed, s.tags) for s in read.samples] == [
        ("g1/cat.png", "a cat", None, ("pet",)), ("g1/cat_42.png", "a cat", 42, ("pet",)),
        ("g2/dog-seed9.png", "a dog", 9, ()), ("g2/cat/7.png", "a cat", 7, ("pet",)),
    ]  # fmt: skip
    assert read.samples[0].prompt_key == "cat"
    assert [refusal.where for refusal in read.refusals] == ["g2/cow.png"]


def tarred(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


OURS = {"set/samples.jsonl": b'{"prompt": "p", "media": ["pics/a.png"]}\n', "set/pics/a.png": picture()}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_an_archive_is_read_as_the_folder_it_holds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"set{suffix}"
    if suffix == ".zip":
        zipped(path, OURS)
    else:
        tarred(path, OURS, "w:" + suffix.removeprefix(".tar").removeprefix("."))

    read = Read(path, tmp_path / "work")

    assert read.format == "archive"
    assert Path(read.samples[0].media[0].path).read_bytes() == picture()
    assert not read.refusals


def test_a_zip_of_generator_folders(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"g1/cat.png": picture(), "g1/cat.txt": b"a cat", "g2/cat.png": picture("blue"),
                                       "g2/cat.txt": b"a cat"})  # fmt: skip

    assert [s.generator for s in Read(path, tmp_path / "work").samples] == ["g1", "g2"]


CLIMBING = ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt"]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_nothing_climbs_out_of_an_archive(tmp_path: Path, pack, name: str) -> None:
    target = tmp_path / "deep" / "work"
    target.mkdir(parents=True)

    refusals = unpack(pack(tmp_path / "a.bin", {name: b"evil", "good.txt": b"good"}), target)

    assert [refusal.reason.split(";")[0] for refusal in refusals] in (
        ["a name that climbs out of the archive with .."],
        ["an absolute name"],
    )
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.bin", "good.txt"]


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("fifo", tarfile.FIFOTYPE),
            ("dev", tarfile.CHRTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = "/etc/passwd"
            archive.addfile(member)
    zip_path = tmp_path / "a.zip"
    with zipfile.ZipFile(zip_path, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    target = tmp_path / "work"
    target.mkdir()

    reasons = [refusal.reason for refusal in (*unpack(path, target), *unpack(zip_path, target))]

    assert len(reasons) == 5
    assert all("only plain files" in reason for reason in reasons)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("pack", [zipped, lambda path, members: tarred(path, members, "w:gz")])
def test_a_decompression_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, pack) -> None:
    path = pack(tmp_path / "bomb.bin", {f"{n}.txt": bytes(20_000_000) for n in range(10)})
    target = tmp_path / "work"
    target.mkdir()

    with pytest.raises(ArchiveRefused, match="decompression bomb"):
        unpack(path, target)

    assert sum(file.stat().st_size for file in target.iterdir()) < 64 << 20


def test_too_many_or_too_large_entries_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "work"
    target.mkdir()
    members = {f"{n}.txt": b"x" * 100 for n in range(20)}

    for pack, name in ((zipped, "a.zip"), (tarred, "a.tar")):
        path = pack(tmp_path / name, members)
        with pytest.raises(ArchiveRefused, match="more than 10 entries"):
            unpack(path, target, ArchiveLimits(entries=10))
        (target / name).mkdir()
        with pytest.raises(ArchiveRefused, match="more than 50 bytes"):
            unpack(path, target / name, ArchiveLimits(entry_bytes=50))


def test_a_header_that_claims_gigabytes_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    header = tarfile.TarInfo("x")
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = 3 << 30
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    target = tmp_path / "work"
    target.mkdir()

    with pytest.raises(ArchiveRefused, match="a header of the archive claims"):
        unpack(path, target)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_a_half_written_tar_is_refused_whole(tmp_path: Path, mode: str, share: float) -> None:
    members = {f"g/{n}.png": picture((n * 7 % 256, n, 3), (64, 64)) + bytes(str(n) * 500, "ascii") for n in range(40)}
    path = tarred(tmp_path / "a.tar", members, mode)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    read = Read(path, tmp_path / "work", name="archive")

    assert not read.samples
    assert "half-written" in read.reasons[0]


def test_a_tar_cut_exactly_between_two_members_is_half_written_too(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {"a.txt": b"a", "b.txt": b"b"})
    path.write_bytes(path.read_bytes()[:1024])
    target = tmp_path / "work"
    target.mkdir()

    with pytest.raises(ArchiveRefused, match="no end"):
        unpack(path, target)


def test_a_half_written_zip_is_refused_whole_and_a_damaged_entry_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", OURS)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "half-written" in Read(path, tmp_path / "work", name="archive").reasons[0]

    at = data.index(picture()[-20:]) if picture()[-20:] in data else data.index(b"set/pics/a.png") + 40
    path.write_bytes(data[:at] + b"\x00\xff\x00" + data[at + 3 :])
    assert any("a.png: damaged" in reason for reason in Read(path, tmp_path / "work", name="archive").reasons)


def test_an_encrypted_entry_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.txt": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    target = tmp_path / "work"
    target.mkdir()

    assert "encrypted" in unpack(path, target)[0].reason


def test_a_name_given_twice_is_left_out_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a.txt", "a.txt", "a.txt/b.txt"):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
    target = tmp_path / "work"
    target.mkdir()

    assert ["there twice" in refusal.reason for refusal in unpack(path, target)] == [True, True]
