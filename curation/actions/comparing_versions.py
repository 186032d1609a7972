"""What differs between two frozen versions: in rows, with why, and in words. Reads only, in columns.

Versions never change, so a difference is computed once and kept as a file that may be deleted at any time; a page of it
reads the rows of that page alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.actions import version_files
from curation.errors import Refused
from curation.models import DatasetVersion, Judgement

# Part of the name of what is kept: another number when its shape changes.
_SHAPE = 1
_IDS = 10_000

KINDS = ("added", "removed", "turned", "changed", "moved")
# Columns that make a pair another one though the same two samples are chosen and rejected.
_VALUES = ("margin", "margin_unit", "criterion", "confidence", "basis", "votes_chosen", "votes_rejected", "votes_tie")

DIFFERENCE = pl.Schema(
    [
        ("kind", pl.String()),  # one of KINDS: `changed` in margin or votes, `moved` to another split
        ("pair_id", pl.String()),  # in the second version; in the first where it was removed
        ("before_id", pl.String()),  # in the first version, null where added
        ("prompt_id", pl.Int64()),
        ("chosen_id", pl.Int64()),
        ("rejected_id", pl.Int64()),
        ("margin_before", pl.Float64()),
        ("margin_after", pl.Float64()),
        ("split_before", pl.String()),
        ("split_after", pl.String()),
        ("why", pl.List(pl.String())),  # keys of `WHY`
    ]
)

WHY = (
    "withdrawn",
    "evidence_added",
    "evidence_gone",
    "evidence_changed",
    "recipe",
    "code",
    "elsewhere",
)


@dataclass(frozen=True)
class Summary:
    """What differs, in numbers.

    Args:
        before, after: pairs of the two versions.
        counts: rows by kind.
        why: rows by reason; a row may have several.
        read: statements read by one version only or read with another content: added, gone, changed, and how many of
            the gone were retracted since.
        rules: changed lines of the recipe as (path, before, after).
        code: the two code versions, empty where they are the same.
    """

    before: int
    after: int
    counts: dict[str, int]
    why: dict[str, int]
    read: dict[str, int]
    rules: list[tuple[str, str, str]]
    code: tuple[str, str] | tuple[()]


def why_words(key: str) -> str:
    return {
        "withdrawn": _("withdrawn since"),
        "evidence_added": _("more was read about its prompt"),
        "evidence_gone": _("something read about its prompt is no longer read"),
        "evidence_changed": _("its prompt, a sample or a statement reads otherwise"),
        "recipe": _("the recipe is another one"),
        "code": _("the code is another one"),
        "elsewhere": _("other prompts changed: splits, caps or the scale follow from all of them"),
    }.get(key, key)


def kind_words(key: str) -> str:
    return {
        "added": _("added"),
        "removed": _("removed"),
        "turned": _("turned round"),
        "changed": _("other margin or votes"),
        "moved": _("other split"),
    }.get(key, key)


# -- asking ----------------------------------------------------------------------------------------------------------


def compare(*, first: DatasetVersion, second: DatasetVersion) -> Summary:
    """The difference in numbers, computed where it is not kept yet.

    Raises:
        Refused: the versions belong to different projects.
        Unavailable: a file cannot be read from here.
    """
    if first.dataset.project_id != second.dataset.project_id:
        raise Refused(
            _("%(first)s and %(second)s belong to different projects; their prompts have nothing in common.")
            % {"first": first, "second": second}
        )
    kept = _folder(first, second) / "summary.json"
    if not kept.is_file():
        _keep(first, second)
    told = json.loads(kept.read_text())
    rules = [(path, before, after) for path, before, after in told["rules"]]
    return Summary(**{**told, "rules": rules, "code": tuple(told["code"])})


def rows(first: DatasetVersion, second: DatasetVersion, *, kind: str = "") -> pl.LazyFrame:
    """`DIFFERENCE`, by pair_id within each kind; `compare` must have been asked."""
    lazy = pl.scan_parquet(_folder(first, second) / "rows.parquet")
    return lazy.filter(pl.col("kind") == kind) if kind else lazy


def _folder(first: DatasetVersion, second: DatasetVersion) -> Path:
    name = f"{first.pk}-{first.digest[:16]}-{second.pk}-{second.digest[:16]}-{_SHAPE}"
    return Path(settings.SCRATCH_ROOT) / "differences" / name


def _keep(first: DatasetVersion, second: DatasetVersion) -> None:
    """Writes the rows, then the summary; whoever finds a summary finds both whole."""
    folder = _folder(first, second)
    folder.mkdir(parents=True, exist_ok=True)
    evidence = _evidence(first, second)
    table = _rows(first, second, evidence)
    summary = _summary(first, second, table, evidence)
    mine = folder / f"rows-{os.getpid()}.parquet"
    table.write_parquet(mine, row_group_size=version_files.ROWS_A_GROUP, statistics=True)
    mine.replace(folder / "rows.parquet")
    mine = folder / f"summary-{os.getpid()}.json"
    mine.write_text(json.dumps(asdict(summary)))
    mine.replace(folder / "summary.json")


# -- rows ------------------------------------------------------------------------------------------------------------


def _rows(first: DatasetVersion, second: DatasetVersion, evidence: pl.DataFrame) -> pl.DataFrame:
    before, after = _pairs(first), _pairs(second)
    removed = before.join(after.select("pair_id"), on="pair_id", how="anti")
    added = after.join(before.select("pair_id"), on="pair_id", how="anti")
    turned = removed.join(
        added.select("prompt_id", chosen_id="rejected_id", rejected_id="chosen_id", now="pair_id"),
        on=["prompt_id", "chosen_id", "rejected_id"],
    )
    both = after.join(before, on="pair_id", suffix="_then")
    is_changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_then")) for name in _VALUES)
    is_moved = pl.col("split") != pl.col("split_then")
    parts = [
        _shaped("added", added.join(turned, left_on="pair_id", right_on="now", how="anti"), then=False),
        _shaped("removed", removed.join(turned, on="pair_id", how="anti"), now=False),
        _turned(turned, added),
        _shaped("changed", both.filter(is_changed)),
        _shaped("moved", both.filter(is_moved & ~is_changed)),
    ]
    table = _with_why(first, second, pl.concat(parts), evidence)
    return table.select(list(DIFFERENCE)).sort("kind", "pair_id")


def _pairs(version: DatasetVersion) -> pl.DataFrame:
    names = ["pair_id", "prompt_id", "chosen_id", "rejected_id", "split", *_VALUES]
    return version_files.scan(version, "pairs").select(names).collect()


def _shaped(kind: str, found: pl.DataFrame, *, then: bool = True, now: bool = True) -> pl.DataFrame:
    """Rows of one kind in the columns of `DIFFERENCE`; `then` and `now` say in which version they stand."""

    def column(name: str, *, is_here: bool, dtype: Any) -> pl.Expr:
        return (pl.col(name) if is_here else pl.lit(None)).cast(dtype)

    suffix = "_then" if then and now else ""
    return found.select(
        "pair_id",
        "prompt_id",
        "chosen_id",
        "rejected_id",
        kind=pl.lit(kind),
        before_id=column("pair_id", is_here=then, dtype=pl.String),
        margin_before=column(f"margin{suffix}", is_here=then, dtype=pl.Float64),
        margin_after=column("margin", is_here=now, dtype=pl.Float64),
        split_before=column(f"split{suffix}", is_here=then, dtype=pl.String),
        split_after=column("split", is_here=now, dtype=pl.String),
    )


def _turned(turned: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Couples whose chosen and rejected changed places, told as the second version has them."""
    now = added.select(now="pair_id", margin_now="margin", split_now="split")
    return turned.join(now, on="now").select(
        "prompt_id",
        pair_id="now",
        chosen_id="rejected_id",
        rejected_id="chosen_id",
        kind=pl.lit("turned"),
        before_id="pair_id",
        margin_before="margin",
        margin_after="margin_now",
        split_before="split",
        split_after="split_now",
    ).select(_shaped("turned", added.head(0), then=False).columns)  # fmt: skip


def _with_why(
    first: DatasetVersion, second: DatasetVersion, table: pl.DataFrame, evidence: pl.DataFrame
) -> pl.DataFrame:
    """What of the prompt was read otherwise; where nothing was, what the two versions differ in besides."""
    by_prompt = evidence.group_by("prompt_id").agg(pl.col("why").unique().sort().alias("read"))
    joined = table.join(by_prompt, on="prompt_id", how="left")
    withdrawn = _tombstones(second)
    besides = [
        *(["recipe"] if first.recipe.digest != second.recipe.digest else []),
        *(["code"] if first.code_version != second.code_version else []),
    ]
    general = pl.lit([besides or ["elsewhere"]], dtype=pl.List(pl.List(pl.String))).list.first()
    why = (
        pl.when(pl.col("before_id").is_in(withdrawn.implode()) & (pl.col("kind") == "removed"))
        .then(pl.lit([["withdrawn"]], dtype=pl.List(pl.List(pl.String))).list.first())
        .when(pl.col("read").is_not_null())
        .then(pl.col("read").list.concat(pl.lit([besides], dtype=pl.List(pl.List(pl.String))).list.first()))
        .otherwise(general)
    )
    return joined.with_columns(why=why)


def _tombstones(version: DatasetVersion) -> pl.Series:
    """The pairs that a minor version lost."""
    if not version.minor:
        return pl.Series([], dtype=pl.String)
    return version_files.read(version, "tombstones")["name"].drop_nulls()


def _evidence(first: DatasetVersion, second: DatasetVersion) -> pl.DataFrame:
    """What only one of the two read, or read with another content: kind, id, prompt_id, why. Splits are no evidence."""
    keys = ["kind", "id", "position"]

    def read(version: DatasetVersion) -> pl.LazyFrame:
        lazy = version_files.scan(version, "evidence").filter(pl.col("kind") != "split")
        return lazy.select(*keys, "prompt_id", "digest")

    both = read(first).join(read(second), on=keys, how="full", suffix="_now", coalesce=True)
    why = (
        pl.when(pl.col("digest").is_null())
        .then(pl.lit("evidence_added"))
        .when(pl.col("digest_now").is_null())
        .then(pl.lit("evidence_gone"))
        .when(pl.col("digest") != pl.col("digest_now"))
        .then(pl.lit("evidence_changed"))
    )
    differing = both.select("kind", "id", prompt_id=pl.coalesce("prompt_id", "prompt_id_now"), why=why)
    return differing.filter(pl.col("why").is_not_null()).collect()


# -- numbers and words -----------------------------------------------------------------------------------------------


def _summary(first: DatasetVersion, second: DatasetVersion, table: pl.DataFrame, evidence: pl.DataFrame) -> Summary:
    counts = dict(table.group_by("kind").len().iter_rows())
    why = dict(table.select(pl.col("why").explode()).group_by("why").len().iter_rows())
    said = evidence.filter(pl.col("kind").is_in(["score", "comparison"]))
    read = dict(said.group_by("why").len().iter_rows())
    gone = said.filter(pl.col("why") == "evidence_gone")["id"].unique().to_list()
    before, after = first.code_version, second.code_version
    return Summary(
        before=first.pair_count or 0,
        after=second.pair_count or 0,
        counts={kind: counts.get(kind, 0) for kind in KINDS},
        why={key: why[key] for key in WHY if why.get(key)},
        read={
            "added": read.get("evidence_added", 0),
            "gone": read.get("evidence_gone", 0),
            "changed": read.get("evidence_changed", 0),
            "retracted_judgements": _retracted(gone),
        },
        rules=list(_changed_rules(first, second)),
        code=(before, after) if before != after else (),
    )


def _retracted(ids: list[int]) -> int:
    """How many of these judgements were retracted or superseded."""
    parts = (ids[start : start + _IDS] for start in range(0, len(ids), _IDS))
    return sum(Judgement.objects.filter(pk__in=part).exclude(retracted_at=None).count() for part in parts)


def _changed_rules(first: DatasetVersion, second: DatasetVersion) -> Iterator[tuple[str, str, str]]:
    before = dict(_flat(first.manifest["recipe"]["rules"]))
    after = dict(_flat(second.manifest["recipe"]["rules"]))
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            yield path, before.get(path, "–"), after.get(path, "–")


def _flat(rules: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of the rules by their path, such as `filters.0.at_least`."""
    if isinstance(rules, Mapping):
        for name, value in rules.items():
            yield from _flat(value, f"{path}.{name}" if path else str(name))
    elif isinstance(rules, list | tuple) and any(isinstance(value, Mapping) for value in rules):
        for place, value in enumerate(rules):
            yield from _flat(value, f"{path}.{place}")
    else:
        yield path, json.dumps(rules, ensure_ascii=False)


def sentences(first: DatasetVersion, second: DatasetVersion, found: Summary) -> list[str]:
    """The difference in words, the rows first, then what may be behind it."""
    if not any(found.counts.values()):
        rows_told = _("Both versions hold the same %(count)s pairs.") % {"count": f"{found.after:,}"}
    else:
        parts = [f"{found.counts[kind]:,} {kind_words(kind)}" for kind in KINDS if found.counts[kind]]
        rows_told = _("%(second)s has %(after)s pairs and %(first)s %(before)s: %(parts)s.") % {
            "second": second,
            "first": first,
            "after": f"{found.after:,}",
            "before": f"{found.before:,}",
            "parts": ", ".join(parts),
        }
    told = [rows_told]
    told += _about_evidence(found)
    if found.rules:
        lines = "; ".join(f"{path} {before} → {after}" for path, before, after in found.rules)
        told.append(_("The recipe changed: %(lines)s.") % {"lines": lines})
    if found.code:
        told.append(_("The code changed: %(before)s → %(after)s.") % {"before": found.code[0], "after": found.code[1]})
    if second.note:
        told.append(second.note)
    return told


def _about_evidence(found: Summary) -> Iterator[str]:
    read = found.read
    if read["added"]:
        yield (
            ngettext("%(count)s statement more was read.", "%(count)s statements more were read.", read["added"])
            % {"count": f"{read['added']:,}"}
        )
    if read["gone"]:
        gone = ngettext(
            "%(count)s statement is no longer read", "%(count)s statements are no longer read", read["gone"]
        ) % {"count": f"{read['gone']:,}"}
        retracted = ngettext(
            "%(count)s judgement among them was taken back or replaced",
            "%(count)s judgements among them were taken back or replaced",
            read["retracted_judgements"],
        ) % {"count": f"{read['retracted_judgements']:,}"}
        yield f"{gone}; {retracted}." if read["retracted_judgements"] else f"{gone}."
    if read["changed"]:
        yield (
            ngettext("%(count)s statement reads otherwise.", "%(count)s statements read otherwise.", read["changed"])
            % {"count": f"{read['changed']:,}"}
        )
