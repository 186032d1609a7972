"""`manage.py explain PAIR_ID`: where an exported row comes from, with all that stands behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import lineage
from curation.actions.lineage import Lineage, Said
from curation.errors import PairwrightError
from curation.models import DatasetVersion, Sample


class Command(BaseCommand):
    help = "Says of an exported row which samples, votes, scores, raters, rules, job and files it comes from."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pair_id", help="as in the row; its first eight characters are enough")
        parser.add_argument("--version", dest="of", metavar="NAME@3", help="without it, the newest that holds it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = _found(options["pair_id"], options["of"])
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(_lines(found)))

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django takes `--version` for its own; here it names the version of a dataset."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)


def _found(pair_id: str, of: str | None) -> Lineage:
    versions = DatasetVersion.objects.all()
    if of:
        version = versions.named(of)
        versions = versions.filter(pk=version.pk)
    version, whole = lineage.the_one(versions, pair_id)
    version = DatasetVersion.objects.select_related("dataset__project", "recipe", "job").get(pk=version.pk)
    return lineage.explain(version, whole)


def _lines(found: Lineage) -> Iterator[str]:
    row, version = found.row, found.version
    yield f"{row['pair_id']}  in {version}, split {row['split']}"
    yield from (f"  ! {sentence}" for sentence in found.since)
    for word, sample in zip(("chosen", "rejected"), found.sides, strict=True):
        yield f"  {word}: {_sample(sample)}"
    margin = "no margin" if row["margin"] is None else f"margin {row['margin']:g} {row['margin_unit']}"
    yield f"  {margin} on {row['criterion']}, basis {row['basis']}"
    yield f"  rule {row['rule']}, line {found.line} of recipe “{version.recipe}” ({version.recipe.digest[:12]})"
    yield f"  criteria {', '.join(found.criteria) or '–'}; guideline {_numbers(found.guidelines)}"
    job = found.built.job or "a job that was deleted"
    yield f"  {found.built} was built by “{job}”, code {version.code_version}, digest {found.built.digest}"
    yield f"  {len(found.statements)} statements:"
    yield from (_statement(said) for said in found.statements)
    for rater, who in found.raters:
        if rater.identity and rater.kind not in ("person", "behaviour"):
            yield f"  {who} {rater.identity_digest[:12]}: {json.dumps(rater.identity, sort_keys=True)}"
    for carried in found.carried:
        where = "in" if carried.is_exact else "in one of"
        of = f"export {carried.export.pk} of {carried.export.version} as {carried.config}"
        yield f"  {of}: {where} {', '.join(carried.files)}"
    if found.elsewhere:
        yield f"  also in {', '.join(str(version) for version in found.elsewhere)}"


def _sample(sample: Sample | None) -> str:
    if sample is None:
        return "deleted since"
    made = f"{sample.generator}, seed {sample.seed}" if sample.seed is not None else str(sample.generator)
    return f"sample {sample.pk} by {made}, identity {sample.identity}"


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"v{number}" for number in numbers) or "–"


def _statement(said: Said) -> str:
    about = f" of the {said.side}" if said.side else ""
    sources = f" derived from {len(said.sources)} acts" if said.sources else ""
    since = f"  [{said.since}]" if said.since else ""
    revision = f" @{said.rater.identity_digest[:8]}" if said.rater.identity_digest else ""
    return (
        f"    {said.statement:>12}  {said.kind} {said.says}{about}  {said.rater.kind} {said.who}{revision}  "
        f"{said.criterion}  {said.at}{sources}{since}"
    )
