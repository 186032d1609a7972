"""`manage.py reward PROJECT --rule FILE`: one total a sample from its stored scores, and how it came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import rewards
from curation.errors import PairwrightError
from curation.models import Project
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import parse
from curation.rewards.reward import Totalled

SHARES = {"least": 0.0, "tenth": 0.1, "middle": 0.5, "nine tenths": 0.9, "most": 1.0}


class Command(BaseCommand):
    help = (
        "Makes one total a sample of several stored scores, by a reward in YAML; see docs/rewards.md. Stores nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--rule", required=True, metavar="FILE", help="a reward in YAML or JSON")
        parser.add_argument("--out", metavar="FILE", help="write sample, prompt, members and total; .csv or .parquet")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        text, out = read_text(options["rule"], "a reward"), _out(options["out"])
        try:
            made = rewards.total(project=project, rule=parse(text))
        except RecipeProblems as error:
            raise CommandError(at_lines(options["rule"], error)) from error
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self._report(made)
        if out is not None:
            _write(project, made, out)
            self.stdout.write(f"  written: {out}, {made.frame.height:,} rows")

    def _report(self, made: Totalled) -> None:
        rule = made.rule
        self.stdout.write(f"“{rule.name}” version {rule.version}, {rule.total.rule}, rule {rule.digest()[:12]}")
        self.stdout.write(f"  {made.totals:,} of {made.frame.height:,} samples have a total")
        for name, count in made.missing.items():
            if count:
                self.stdout.write(f"  {count:,} lack {name}")
        for member in rule.members:
            for step in member.transform.steps:
                if step.kind == "zscore" and "mean" in step.options:
                    self.stdout.write(f"  {member.name}: {step} (write these into the rule to keep them)")
        for what, count in made.clipped.items():
            self.stdout.write(f"  {count:,} values clipped by {what}")
        if made.totals:
            self.stdout.write("  " + _spread(made))
        self.stdout.write(f"  digest {made.digest()}")


def _spread(made: Totalled) -> str:
    values = made.frame["value"].drop_nulls().to_numpy()
    shares = [
        f"{name} {value:.4g}" for name, value in zip(SHARES, np.quantile(values, list(SHARES.values())), strict=True)
    ]
    return ", ".join([*shares, f"mean {values.mean():.4g}"])


def find_project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no project {slug!r}. Projects here: {known}.")
    return project


def read_text(name: str, what: str) -> str:
    """The text of a file, or a sentence about why there is none."""
    path = Path(name)
    if not path.is_file():
        raise CommandError(f"{name!r} is not a file. Name {what} in YAML; examples are in docs/rewards.md.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name!r} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def at_lines(name: str, error: RecipeProblems) -> str:
    """Every mistake as `file:line:column: what, and the remedy`."""
    return "\n".join(f"{name}:{p.line}:{p.column}: {p.message} {p.remedy}" for p in error.problems)


def _out(name: str | None) -> Path | None:
    path = Path(name) if name else None
    if path is not None and path.suffix not in (".csv", ".parquet"):
        raise CommandError(f"{name!r} ends in neither .csv nor .parquet, so its format is not known.")
    if path is not None and not path.parent.is_dir():
        raise CommandError(f"There is no folder {str(path.parent)!r} to write {path.name!r} into.")
    return path


def _write(project: Project, made: Totalled, path: Path) -> None:
    """Raw members, transformed ones (`part:MEMBER`) and the total, with the sample's own key where it has one."""
    parts = made.frame.select(pl.col("parts").struct.unnest().name.prefix("part:"))
    table = pl.concat([made.frame.drop("parts"), parts], how="horizontal").join(
        rewards.sample_keys(project), on="sample_id", how="left", maintain_order="left"
    )
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path, metadata={"reward": json.dumps(made.rule.as_json()), "digest": made.digest()})
