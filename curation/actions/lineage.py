"""Where one exported row comes from: every statement, who made it and by which revision, the rules, the job, the files.

Reads only. People are told by the pseudonyms that downloads of the dataset carry, never by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from curation.actions import handing_out, version_files, withdrawn_rows
from curation.actions.export_source import pseudonyms_of
from curation.actions.exports import stored_name
from curation.errors import Refused, Unavailable
from curation.exports.privacy import PERSONAL_KINDS, Pseudonyms, day_of
from curation.models import (
    Comparison,
    DatasetVersion,
    Export,
    Judgement,
    JudgementLink,
    Rater,
    Sample,
    Score,
)
from curation.recipes.document import read as read_document
from curation.storage import media_storage

# Fewer characters than this name too many pairs.
LEAST = 8
DIGITS = set("0123456789abcdef")
# Files of one export that are looked into; further ones are named with the others of their split.
FILES_READ = 64


@dataclass(frozen=True)
class Source:
    """An act that a derived one came from, and who made it."""

    judgement_id: int
    who: str
    kind: str


@dataclass(frozen=True)
class Said:
    """A statement behind the row.

    Args:
        says: `chosen`, `rejected`, `tie` or `both-bad` of a comparison of the two; the value of a score; else words.
        side: the side a score is about, or "".
        who: a pseudonym for people, the name for machines.
        identity: of a machine: weights, template, precision and whatever else a number depends on.
        since: what became of it after it was read, empty where it stands.
    """

    kind: str
    statement: str
    judgement: Judgement
    rater: Rater
    who: str
    criterion: str
    says: str
    side: str
    at: str
    since: str
    identity: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()

    @property
    def is_personal(self) -> bool:
        return self.rater.kind in PERSONAL_KINDS


@dataclass(frozen=True)
class Carried:
    """A file that holds the row, or, where its rows cannot be told apart from here, the files of its split."""

    export: Export
    config: str
    files: tuple[str, ...]
    is_exact: bool


@dataclass(frozen=True)
class Lineage:
    """Everything behind one row of one version.

    Args:
        row: of `recipes.tables.PAIRS`.
        sides: the chosen and the rejected sample; None where one was deleted since.
        line: the line of the recipe that says how pairs are made.
        since: what happened to the row afterwards, in sentences; empty where it stands.
        elsewhere: other versions of the project that hold the same row.
        built: the version that the recipe built; the same one, unless it is a minor version.
    """

    version: DatasetVersion
    built: DatasetVersion
    row: dict[str, Any]
    sides: tuple[Sample | None, Sample | None]
    statements: list[Said]
    carried: list[Carried]
    line: int
    since: list[str]
    elsewhere: list[DatasetVersion]

    @property
    def raters(self) -> list[tuple[Rater, str]]:
        """Who was heard, each once, with the name shown."""
        return list({said.rater.pk: (said.rater, said.who) for said in self.statements}.values())

    @property
    def criteria(self) -> list[str]:
        return list(dict.fromkeys(said.criterion for said in self.statements))

    @property
    def guidelines(self) -> list[int]:
        numbers = {said.judgement.guideline.number for said in self.statements if said.judgement.guideline}
        return sorted(numbers)


# -- finding ---------------------------------------------------------------------------------------------------------


def find(versions: QuerySet[DatasetVersion], name: str) -> list[tuple[DatasetVersion, str]]:
    """The newest version that holds each pair whose id begins so, newest versions first.

    Args:
        versions: those that may be looked into.
        name: a pair_id, or its first eight or more characters.

    Raises:
        Refused: it is no beginning of a pair_id.
        Unavailable: a file cannot be read from here.
    """
    wanted = name.strip().lower()
    if not LEAST <= len(wanted) <= 64 or not set(wanted) <= DIGITS:
        raise Refused(
            _("“%(name)s” is no pair_id: that is 64 digits and letters a to f; the first %(least)d are enough.")
            % {"name": name.strip()[:80], "least": LEAST}
        )
    found: dict[str, DatasetVersion] = {}
    for version in versions.frozen().select_related("dataset__project").order_by("-frozen_at"):  # type: ignore[attr-defined]
        for pair_id in _beginning(version, wanted):
            found.setdefault(pair_id, version)
    return [(version, pair_id) for pair_id, version in found.items()]


def _beginning(version: DatasetVersion, wanted: str) -> list[str]:
    """The file is sorted by pair_id, so whole groups of rows are passed over."""
    column = pl.col("pair_id")
    lazy = version_files.scan(version, "pairs").select("pair_id").filter(column >= wanted, column < wanted + "g")
    return lazy.head(20).collect()["pair_id"].to_list()


def the_one(versions: QuerySet[DatasetVersion], name: str) -> tuple[DatasetVersion, str]:
    """
    Raises:
        Refused: no pair is called so, or several are.
    """
    found = find(versions, name)
    if not found:
        raise Refused(_("No frozen version holds a pair “%(name)s”.") % {"name": name.strip()})
    if len(found) > 1:
        listed = ", ".join(pair_id[:16] for _version, pair_id in found[:5])
        raise Refused(_("Several pairs begin with “%(name)s”: %(listed)s, … Name more of it.") % {
            "name": name.strip(), "listed": listed
        })  # fmt: skip
    return found[0]


# -- explaining ------------------------------------------------------------------------------------------------------


def explain(version: DatasetVersion, pair_id: str) -> Lineage:
    """Everything behind one row. Costs about fifteen queries, whatever its number of statements.

    Raises:
        Refused: the version holds no such pair.
        Unavailable: its files cannot be read from here.
    """
    row = _row(version, pair_id)
    sides = _sides(row)
    elsewhere = _elsewhere(version, pair_id)
    return Lineage(
        version=version,
        built=_built(version),
        row=row,
        sides=sides,
        statements=_statements(version, row),
        carried=list(_carried([version, *elsewhere], row)),
        line=read_document(version.recipe.text).where(("pairing", "rule")).line,
        since=list(_since(version, row, sides)),
        elsewhere=elsewhere,
    )


def _built(version: DatasetVersion) -> DatasetVersion:
    if not version.minor:
        return version
    family = DatasetVersion.objects.select_related("dataset", "job")
    return family.get(dataset=version.dataset_id, number=version.number, minor=0)


def _row(version: DatasetVersion, pair_id: str) -> dict[str, Any]:
    found = version_files.scan(version, "pairs").filter(pl.col("pair_id") == pair_id).collect()
    if not found.height:
        raise Refused(_("%(version)s holds no pair %(pair)s.") % {"version": version, "pair": pair_id[:16]})
    return found.row(0, named=True)


def _sides(row: Mapping[str, Any]) -> tuple[Sample | None, Sample | None]:
    ids = (row["chosen_id"], row["rejected_id"])
    samples = Sample.objects.select_related("generator", "prompt").in_bulk(ids)
    return samples.get(ids[0]), samples.get(ids[1])


def _statements(version: DatasetVersion, row: Mapping[str, Any]) -> list[Said]:
    """The statements in their order; those of which only the record is left are told in `since`."""
    people = pseudonyms_of(version, "downloads")
    names = {(item["kind"], item["judgement_id"], item["position"]) for item in row["evidence"] or ()}
    acts = sorted({judgement for _kind, judgement, _position in names})
    related = ["rater", "criterion_version__criterion"]
    behind = Judgement.objects.select_related("guideline", "context", "job").in_bulk(acts)
    sources = _sources(acts, people)
    rows: list[Comparison | Score] = [
        *Comparison.objects.filter(judgement_id__in=acts).select_related(*related),
        *Score.objects.filter(judgement_id__in=acts).select_related(*related),
    ]
    kinds = {Comparison: "comparison", Score: "score"}
    wanted = [one for one in rows if (kinds[type(one)], one.judgement_id, one.position) in names]
    wanted.sort(key=lambda one: (kinds[type(one)], one.judgement_id, one.position))
    return [_said(one, row, behind[one.judgement_id], people, sources[one.judgement_id]) for one in wanted]


def _said(
    one: Comparison | Score, row: Mapping[str, Any], judgement: Judgement, people: Pseudonyms, sources: list[Source]
) -> Said:
    is_comparison = isinstance(one, Comparison)
    criterion = one.criterion_version
    return Said(
        kind="comparison" if is_comparison else "score",
        statement=f"{one.judgement_id}.{one.position}",
        judgement=judgement,
        rater=one.rater,
        who=_who(one.rater, people),
        criterion=f"{criterion.criterion.key} v{criterion.number}",
        says=_verdict(one, row) if isinstance(one, Comparison) else f"{one.value:g}",
        side="" if isinstance(one, Comparison) else _side(one.sample_id, row),
        at=_day(judgement, one.rater),
        since=_fate(judgement),
        identity={} if one.rater.kind in PERSONAL_KINDS else dict(one.rater.identity or {}),
        sources=tuple(sources),
    )


def _who(rater: Rater, people: Pseudonyms) -> str:
    return people.rater(internal_id=str(rater.pk), kind=rater.kind, name=rater.name).id


def _day(judgement: Judgement, rater: Rater) -> str:
    at = day_of(judgement.at, rater.kind)
    return f"{at:%Y-%m-%d}" if rater.kind in PERSONAL_KINDS else f"{at:%Y-%m-%d %H:%M}"


def _side(sample_id: int, row: Mapping[str, Any]) -> str:
    if sample_id == row["chosen_id"]:
        return "chosen"
    return "rejected" if sample_id == row["rejected_id"] else ""


def _verdict(one: Comparison, row: Mapping[str, Any]) -> str:
    """Which side it is for; of a comparison with a third sample, the words for that."""
    if one.outcome in (Comparison.Outcome.TIE, Comparison.Outcome.BOTH_BAD):
        return str(one.outcome)
    winner, loser = one.left_sample_id, one.right_sample_id
    if one.outcome == Comparison.Outcome.RIGHT:
        winner, loser = loser, winner
    sides = (_side(winner, row), _side(loser, row))
    if all(sides):
        return sides[0]
    won, lost = (side or _("another sample") for side in sides)
    return _("%(won)s over %(lost)s") % {"won": won, "lost": lost}


def _fate(judgement: Judgement) -> str:
    if judgement.retracted_at is None:
        return ""
    return _("%(what)s on %(day)s") % {
        "what": judgement.get_retraction_display(),
        "day": f"{judgement.retracted_at:%Y-%m-%d}",
    }


def _sources(acts: Sequence[int], people: Pseudonyms) -> dict[int, list[Source]]:
    found: dict[int, list[Source]] = defaultdict(list)
    links = JudgementLink.objects.filter(judgement_id__in=acts, kind=JudgementLink.Kind.DERIVED_FROM)
    for link in links.select_related("source__rater").order_by("judgement_id", "source_id"):
        rater = link.source.rater
        found[link.judgement_id].append(Source(link.source_id, _who(rater, people), rater.get_kind_display()))
    return found


# -- since then ------------------------------------------------------------------------------------------------------


def _since(
    version: DatasetVersion, row: Mapping[str, Any], sides: tuple[Sample | None, Sample | None]
) -> Iterator[str]:
    """What happened afterwards: the tombstone, what was taken down or deleted, and what takes the version's place."""
    for reason in version.tombstones.filter(pair_id=row["pair_id"]).values_list("reason", flat=True):
        yield _("Withdrawn: %(reason)s.") % {"reason": reason}
    down = withdrawn_rows.shown_as_gone(version.dataset.project, [row["chosen_id"], row["rejected_id"]])
    for side, sample_id, sample in zip(
        (_("chosen"), _("rejected")), (row["chosen_id"], row["rejected_id"]), sides, strict=True
    ):
        if sample is None:
            yield _("The %(side)s sample was deleted.") % {"side": side}
        elif sample_id in down:
            withdrawal = down[sample_id].withdrawal
            yield _("The %(side)s sample was taken down on %(day)s: %(why)s") % {
                "side": side,
                "day": f"{withdrawal.created_at:%Y-%m-%d}",
                "why": withdrawal.reason,
            }
    if because := handing_out.closed_because(version):
        yield because


def _elsewhere(version: DatasetVersion, pair_id: str) -> list[DatasetVersion]:
    others = DatasetVersion.objects.frozen().filter(dataset__project=version.dataset.project_id).exclude(pk=version.pk)
    held = []
    for other in others.select_related("dataset").order_by("dataset__name", "-number", "-minor"):
        lazy = version_files.scan(other, "pairs").select("pair_id").filter(pl.col("pair_id") == pair_id)
        if lazy.head(1).collect().height:
            held.append(other)
    return held


# -- files -----------------------------------------------------------------------------------------------------------


def _carried(versions: list[DatasetVersion], row: Mapping[str, Any]) -> Iterator[Carried]:
    """The files of each finished export that hold the row, of every version that holds it."""
    exports = Export.objects.filter(version__in=versions).exclude(finished_at=None).order_by("pk")
    for export in exports.select_related("version__dataset"):
        for config, splits in export.manifest.get("configs", {}).items():
            files = [file for split in splits.values() for file in split["files"]]
            if export.version_id == versions[0].pk:
                files = splits.get(row["split"], {}).get("files", [])
            if files:
                carried = _looked_into(export, config, files, row["pair_id"])
                if carried is not None:
                    yield carried


def _looked_into(export: Export, config: str, files: list[dict[str, Any]], pair_id: str) -> Carried | None:
    holding: list[str] = []
    unread: list[str] = []
    for file in files:
        holds = _holds(export, file, pair_id) if len(holding) + len(unread) < FILES_READ else None
        if holds is None:
            unread.append(file["path"])
        elif holds:
            holding.append(file["path"])
    if holding:
        return Carried(export, config, tuple(holding), True)
    return Carried(export, config, tuple(unread), False) if unread else None


def _holds(export: Export, file: Mapping[str, Any], pair_id: str) -> bool | None:
    """Whether a Parquet file has a row of this pair; None where it cannot be told from here."""
    if not str(file["path"]).endswith(".parquet"):
        return None
    try:
        path = _path(export, file)
        lazy = pl.scan_parquet(path)
        if "pair_id" not in lazy.collect_schema():
            return None
        return bool(lazy.select("pair_id").filter(pl.col("pair_id") == pair_id).head(1).collect().height)
    except (OSError, Unavailable, pl.exceptions.PolarsError):
        return None


def _path(export: Export, file: Mapping[str, Any]) -> Path:
    if export.place:
        return Path(export.place) / str(file["path"])
    return media_storage().local_copy(stored_name(str(file["sha256"])), int(file["bytes"]))
