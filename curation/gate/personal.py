"""Personal data in what leaves: prompts, answers, tags, facts, keys, settings, and notes where they are included.

Looked for in the state in which it leaves: an export already takes whole paths and e-mail addresses out of settings and
keys (`curation.exports.privacy`), so only what stays is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import polars as pl

from curation.exports.privacy import without_traces
from curation.gate.found import Found, told
from curation.gate.tables import Examined
from curation.gate.traces import MAYBE, MAYBE_PATH, kinds_in, names_a_local_path

Kinds = Callable[[str], list[str]]


def look(examined: Examined) -> Iterator[Found]:
    prompts, generators = _leaving(examined)
    personal, paths = _of_prompts(prompts), []
    for samples in examined.details():
        samples = samples.drop("prompt_id")
        personal += _of_samples(samples)
        paths.append(_in(samples, "settings", "the settings of the sample", _local, MAYBE_PATH))
    personal.append(_in(generators, "settings", "the settings of the generator", _settings))
    personal.append(_in(examined.notes, "text", "a note", _plain))
    paths.append(_in(generators, "settings", "the settings of the generator", _local, MAYBE_PATH))
    yield from _personal(pl.concat(personal, how="diagonal_relaxed"))
    yield from _paths(pl.concat(paths, how="diagonal_relaxed"))


def _personal(rows: pl.DataFrame) -> Iterator[Found]:
    rows = rows.sort("prompt_id", "sample_id", "detail", nulls_last=True)
    if rows.height:
        kinds = rows["kinds"].explode().value_counts().sort("count", "kinds", descending=[True, False])
        listed = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.iter_rows())
        words = told(rows.height, "place", "seems", "seem") + f" to name a person: {listed}."
        yield Found("personal-data", words, rows, count=rows.height)


def _paths(rows: pl.DataFrame) -> Iterator[Found]:
    if rows.height:
        words = told(rows.height, "place", "names", "name") + " a path of some machine."
        yield Found("local-paths", words, rows.sort("sample_id", "detail"), count=rows.height)


def _of_prompts(prompts: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        _in(prompts, "prompt_text", "the prompt", _plain),
        _in(prompts, "facts", "the facts of the prompt", _plain),
        _in(_joined(prompts), "tags", "the tags of the prompt", _plain),
        _in(prompts, "key", "the key of the prompt", _as_left),
    ]


def _of_samples(samples: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        _in(samples, "text", "the answer", _plain),
        _in(_joined(samples), "tags", "the tags of the sample", _plain),
        _in(samples, "key", "the key of the sample", _as_left),
        _in(samples, "settings", "the settings of the sample", _settings),
    ]


def _leaving(examined: Examined) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The prompts that leave, and each generator with the first sample of it."""
    prompts = examined.prompts.join(examined.places.select("prompt_id").unique(), on="prompt_id", how="semi")
    samples = examined.samples.join(examined.places.select("sample_id").unique(), on="sample_id", how="semi")
    first = samples.group_by("generator_id").agg(sample_id=pl.col("sample_id").min())
    return prompts, examined.generators.join(first, on="generator_id")


def _joined(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("tags").list.join(" · "))


def _in(table: pl.DataFrame, column: str, where: str, kinds: Kinds, maybe: str = MAYBE) -> pl.DataFrame:
    """The rows in whose column something was found, with what and where. The quick look leaves few for the slow one."""
    keys = [name for name in ("sample_id", "prompt_id") if name in table.columns]
    suspects = table.filter(pl.col(column).str.contains(maybe)).select(*keys, column)
    found = suspects.with_columns(
        kinds=pl.Series([kinds(text) for text in suspects[column].to_list()], dtype=pl.List(pl.String))
    )
    found = found.filter(pl.col("kinds").list.len() > 0)
    what = pl.col("kinds").list.join(", ")
    return found.select(*keys, "kinds", detail=pl.format("{}: {}", pl.lit(where), what))


def _plain(text: str) -> list[str]:
    return kinds_in(text)


def _as_left(text: str) -> list[str]:
    return kinds_in(str(without_traces(text)))


def _settings(text: str) -> list[str]:
    return list(dict.fromkeys(kind for part in _texts(without_traces(json.loads(text))) for kind in kinds_in(part)))


def _local(text: str) -> list[str]:
    found = any(names_a_local_path(part) for part in _texts(without_traces(json.loads(text))))
    return ["a local path"] if found else []


def _texts(value: object) -> Iterator[str]:
    """Every text in a value of JSON, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
