"""The files of a dataset version: Parquet in storage, named by the digest of their bytes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curation.models import DatasetVersion
from curation.recipes.tables import EVIDENCE, PAIRS, SAMPLES, SPLITS, completed, version_digest
from curation.storage import media_storage

# What a minor version lost since the version that was built: a pair by its id, a sample by sample and prompt, or a
# judgement that was read and taken back. `reason` is a key of `withdrawn_rows.words`.
TOMBSTONES = pl.Schema(
    {
        "kind": pl.String,  # pair, sample or judgement
        "name": pl.String,  # the pair_id; else null
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "judgement_id": pl.Int64,
        "reason": pl.String,
    }
)

SCHEMAS = {"pairs": PAIRS, "samples": SAMPLES, "splits": SPLITS, "evidence": EVIDENCE, "tombstones": TOMBSTONES}

# Small enough that a page of the browser reads one group, large enough to compress.
ROWS_A_GROUP = 5_000


def store(table: pl.DataFrame) -> dict[str, Any]:
    """Writes a table once and says where: storage name, size in bytes, SHA-256 and number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        table.write_parquet(path, compression="zstd", row_group_size=ROWS_A_GROUP, statistics=True)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        name = f"datasets/{sha256[:2]}/{sha256}.parquet"
        media_storage().keep(name, path)
        return {"name": name, "size": path.stat().st_size, "sha256": sha256, "rows": table.height}


def path_of(version: DatasetVersion, table: str) -> Path:
    """A local file with one of the version's tables (pairs, samples, splits, evidence; a minor has tombstones).

    Raises:
        Unavailable: the storage cannot be read from here.
    """
    stored = version.manifest["files"][table]
    return media_storage().local_copy(stored["name"], stored["size"])


def scan(version: DatasetVersion, table: str) -> pl.LazyFrame:
    """The table without reading it; what is collected from it is what is read."""
    return pl.scan_parquet(path_of(version, table))


def read(version: DatasetVersion, table: str) -> pl.DataFrame:
    return completed(pl.read_parquet(path_of(version, table)), SCHEMAS[table])


def iter_pairs(version: DatasetVersion, *, rows: int = ROWS_A_GROUP) -> Iterator[pl.DataFrame]:
    """The pairs in their order, some thousand rows at a time, whatever their number."""
    lazy = scan(version, "pairs")
    for start in range(0, version.pair_count or 0, rows):
        yield lazy.slice(start, rows).collect()


def is_whole(version: DatasetVersion, table: str) -> bool:
    """Whether the file holds the very bytes that were frozen. Reads the whole file."""
    with path_of(version, table).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == str(version.manifest["files"][table]["sha256"])


def digest_of(pairs: pl.DataFrame, samples: pl.DataFrame, splits: pl.DataFrame) -> str:
    """SHA-256 over all rows of a version; see `recipes.run.Result.digest`."""
    return version_digest(pairs, samples, splits)


def counts(pairs: pl.DataFrame, samples: pl.DataFrame, splits: pl.DataFrame) -> dict[str, Any]:
    """How many pairs and samples there are, by split, basis and kind."""
    anchored = pairs.filter((pl.col("chosen_kind") != "generated") | (pl.col("rejected_kind") != "generated"))
    return {
        "pairs": pairs.height,
        "samples": samples.height,
        "prompts": splits.height,
        "prompts_with_pairs": pairs["prompt_id"].n_unique(),
        "pairs_with_anchor": anchored.height,
        "pairs_by_split": _counted(pairs, "split"),
        "prompts_by_split": _counted(splits, "split"),
        "samples_by_split": _counted(samples, "split"),
        "samples_by_role": _counted(samples, "role"),
        "pairs_by_basis": _counted(pairs, "basis"),
    }


def _counted(table: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(table.group_by(column).len().sort(column).iter_rows())
