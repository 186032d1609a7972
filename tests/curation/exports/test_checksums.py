"""Digests of an export's files: noted while writing, or read from the files, and the same either way."""

from __future__ import annotations

import hashlib
import subprocess

import pytest

from curation.exports.checksums import Checksums, read_checksums, write_checksums


def test_noted_and_computed_digests_stand_in_one_file_that_sha256sum_reads(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/noted.bin").write_bytes(b"noted")
    (tmp_path / "computed.bin").write_bytes(b"computed")
    Checksums(tmp_path).note("a/noted.bin", hashlib.sha256(b"noted").hexdigest())

    write_checksums(tmp_path, {})

    assert [name for name, _digest in read_checksums(tmp_path)] == ["a/noted.bin", "computed.bin"]
    subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=tmp_path, check=True)


def test_a_line_that_is_no_digest_is_named(tmp_path):
    (tmp_path / "checksums.sha256").write_text("abc  file\n")

    with pytest.raises(ValueError, match="cannot read the line 'abc  file"):
        list(read_checksums(tmp_path))
