"""The tables a dataset version keeps: their columns, and the digest over their rows.

`pairs` has one row a pair and each pair once; every export is derived from it. `samples` has one row for
each sample that reached the pairing (for a recipe that pairs nothing: the samples it keeps). Both are sorted,
so the same rows are the same bytes wherever and in whatever order they were computed.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
from polars._typing import PolarsDataType

from curation.pairing import mix


def _schema(columns: dict[str, PolarsDataType]) -> pl.Schema:
    """A schema of types and type classes alike."""
    return pl.Schema(columns)


# One number a pair was looked at by: whose, on what, and its value on each side.
SCORE_STRUCT = pl.Struct({"rater": pl.String, "criterion": pl.String, "chosen": pl.Float64, "rejected": pl.Float64})

# A statement behind a pair: its kind (score or comparison), its judgement and its place in that act.
STATEMENT_STRUCT = pl.Struct({"kind": pl.String, "judgement_id": pl.Int64, "position": pl.Int32})

PAIRS = _schema(
    {
        "pair_id": pl.String,  # SHA-256 of prompt, chosen and rejected identities; the same in every version
        "prompt_id": pl.Int64,  # the chosen one's
        "chosen_id": pl.Int64,  # samples; with the two prompts below they are the pair's subjects
        "rejected_id": pl.Int64,
        "chosen_prompt_id": pl.Int64,  # the prompt a sample is judged under
        "rejected_prompt_id": pl.Int64,  # another one for `across_prompts` and `wrong_prompt`
        "chosen_kind": pl.String,  # generated, real or reference
        "rejected_kind": pl.String,
        "rule": pl.String,  # the recipe's pairing rule
        "criterion": pl.String,  # what the margin is measured on
        "margin": pl.Float64,  # above zero or above the recipe's bar, in `margin_unit`; null where nothing is measured
        # score, reward, strength (logits), fact, win_rate (0..1), vote_share (0..1), groups (share ahead), none
        "margin_unit": pl.String,
        "confidence": pl.Float64,  # share of the votes for the chosen one, or its probability by consensus; else null
        "basis": pl.String,  # people, machines, both, behaviour alone, or construction: nobody was asked
        "chosen_score": pl.Float64,  # what the margin is the difference of; null for votes alone
        "rejected_score": pl.Float64,
        "votes_chosen": pl.Int32,  # comparisons of exactly these two that the recipe read
        "votes_rejected": pl.Int32,
        "votes_tie": pl.Int32,
        "scores": pl.List(SCORE_STRUCT),
        "evidence": pl.List(STATEMENT_STRUCT),  # everything behind the pair, sorted
        "split": pl.String,
        "band": pl.String,  # strong, weak or ambiguous; null where the recipe has no bands
    }
)

SAMPLES = _schema(
    {
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "kind": pl.String,  # generated, real or reference
        "role": pl.String,  # chosen, rejected, both (in different pairs) or kept (in no pair)
        "evidence": pl.List(STATEMENT_STRUCT),  # the scores of this sample that the recipe read
        "split": pl.String,
        "difficulty": pl.Float64,  # of its prompt, or its own; null where the recipe has no such bands
        "bucket": pl.String,  # the band of difficulty; each prompt, or each sample, is in exactly one
    }
)

# Columns that came after the first versions were frozen. Where nothing stands in one, it is no part of a digest, so
# that what does not use it keeps the digest it had.
LATER = frozenset({"band", "difficulty", "bucket"})

# What the version read: prompts, samples, scores, comparisons, and the splits decided before (their name in `split`).
# The id is the row's own, or its judgement's with the position in that act; the digest is of its content when it was
# read; prompt_id says whose competition the row is part of.
EVIDENCE = _schema(
    {
        "kind": pl.String,
        "id": pl.Int64,
        "position": pl.Int32,
        "prompt_id": pl.Int64,
        "digest": pl.UInt64,
        "split": pl.String,
    }
)

# Which prompts stand in which split, and which of them may not be parted (they share a component).
SPLITS = _schema({"prompt_id": pl.Int64, "component": pl.String, "split": pl.String})

_CHUNK = 50_000


Subjects = tuple[list[str], list[str]]  # identities of prompts and of samples, row by row


def pair_ids(chosen: Subjects, rejected: Subjects) -> list[str]:
    """The content hash of each pair.

    Args:
        chosen: identities (hexadecimal SHA-256) of the prompts the chosen samples are judged under, and of the samples.
        rejected: the same of the rejected ones; all four lists are of one length.

    Returns:
        Hexadecimal SHA-256 of `pair:1`, prompt, chosen and rejected, parted by line feeds; where the two prompts
        differ, of `pair:2`, chosen prompt, rejected prompt, chosen and rejected.
    """
    return [
        hashlib.sha256(
            (f"pair:1\n{p}" if p == q else f"pair:2\n{p}\n{q}").encode() + f"\n{c}\n{r}".encode()
        ).hexdigest()
        for p, c, q, r in zip(*chosen, *rejected, strict=True)
    ]


def used(table: pl.DataFrame) -> pl.DataFrame:
    """The table without later columns in which nothing stands."""
    return table.drop([name for name in table.columns if name in LATER and table[name].null_count() == table.height])


def completed(table: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of the schema; those that a version frozen long ago does not have are null."""
    lacking = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in table.columns]
    return table.with_columns(lacking).select(list(schema))


def digest(table: pl.DataFrame) -> str:
    """SHA-256 over the rows of a table in the order they have.

    Values are hashed as they are, not as some library prints them: whole numbers and floats as eight bytes,
    little end first; text as UTF-8 after its length in bytes; lists after their length; a null as a mark.

    Args:
        table: columns of text, integers, floats, lists and structs of these; no NaN.

    Returns:
        64 hexadecimal characters; two tables have the same digest when names, order and values agree.

    Raises:
        ValueError: the table holds a NaN, which equals nothing, itself included.
    """
    sha = hashlib.sha256()
    for name in table.columns:
        sha.update(name.encode() + b"\0")
    for start in range(0, table.height, _CHUNK):
        for part in _column_bytes(table.slice(start, _CHUNK)):
            sha.update(part)
    sha.update(table.height.to_bytes(8, "little"))
    return sha.hexdigest()


def version_digest(pairs: pl.DataFrame, samples: pl.DataFrame, splits: pl.DataFrame) -> str:
    """SHA-256 over all rows of a version."""
    return digest(pl.DataFrame({"tables": [digest(used(table)) for table in (pairs, samples, splits)]}))


def row_digests(table: pl.DataFrame) -> pl.Series:
    """A number for each row that changes when any of its values does: for telling which rows are others now.

    64 bits find a change, they do not withstand a forger; the file that holds them is sealed by SHA-256.

    Args:
        table: columns of text, integers, floats, booleans and lists of text.

    Returns:
        uint64, one a row, the same for the same values on every machine.
    """
    total = np.zeros(table.height, dtype=np.uint64)
    for name in table.columns:
        total = mix(total ^ _as_numbers(table[name]))
    return pl.Series("digest", total, dtype=pl.UInt64)


def _as_numbers(series: pl.Series) -> npt.NDArray[np.uint64]:
    dtype = series.dtype
    if isinstance(dtype, pl.List):
        series = series.list.join("\x1f")
    if series.dtype == pl.String:
        return _hashed(series)
    if dtype.is_float():
        return (series.fill_null(0.0).to_numpy() + 0.0).astype("<f8").view("<u8") + _null_marks(series)
    return series.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64) + _null_marks(series)


def _hashed(series: pl.Series) -> npt.NDArray[np.uint64]:
    """The first 64 bits of SHA-256 of each text; each different text is hashed once."""
    texts = pl.DataFrame({"text": series.fill_null("\0")})
    if texts["text"].n_unique() > texts.height // 2:
        return _hash_of_each(texts["text"])
    different = texts.unique()
    different = different.with_columns(number=_hash_of_each(different["text"]))
    return texts.join(different, on="text", how="left", maintain_order="left")["number"].to_numpy()


def _hash_of_each(texts: pl.Series) -> npt.NDArray[np.uint64]:
    few = (part.to_list() for start in range(0, texts.len(), _CHUNK) for part in [texts.slice(start, _CHUNK)])
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:8] for part in few for text in part)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _null_marks(series: pl.Series) -> npt.NDArray[np.uint64]:
    return series.is_null().to_numpy().astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _column_bytes(table: pl.DataFrame) -> Iterator[bytes]:
    for series in table.get_columns():
        yield from _series_bytes(series)


def _series_bytes(series: pl.Series) -> Iterator[bytes]:
    yield np.packbits(series.is_null().to_numpy()).tobytes()
    dtype = series.dtype
    if isinstance(dtype, pl.List):
        yield _integers(series.list.len())
        yield from _series_bytes(series.drop_nulls().explode(empty_as_null=False))
    elif isinstance(dtype, pl.Struct):
        yield from _column_bytes(series.struct.unnest())
    elif dtype == pl.String:
        yield _integers(series.str.len_bytes())
        yield "".join(series.drop_nulls().to_list()).encode()
    elif dtype.is_float():
        yield _floats(series)
    else:
        yield _integers(series)


def _integers(series: pl.Series) -> bytes:
    return series.cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()


def _floats(series: pl.Series) -> bytes:
    values = series.cast(pl.Float64).fill_null(0.0).to_numpy()
    if np.isnan(values).any():
        raise ValueError(f"Column {series.name!r} holds a NaN. Leave the value out (null) where there is none.")
    return (values + 0.0).astype("<f8").tobytes()  # adding zero makes minus zero plain zero
