"""`manage.py scorers`: which scorers there are, what each one is, its weights, and whether its numbers are right."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from curation.errors import PairwrightError
from scoring import cards
from scoring.actions import checking
from scoring.actions.probing import running
from scoring.catalogue import CATALOGUE, build, checked_settings, facts_of
from scoring.management import probe_table
from scoring.management.following import find_project
from scoring.pacing import pace
from scoring.scorers.base import Scorer, ScorerFacts, ScorerUnavailable, settings_of
from scoring.weight_sources import sources

WEIGHTS_HERE, WEIGHTS_AWAY, NO_WEIGHTS = "weights here", "weights not here", "no weights"
STATE_WIDTH = len(WEIGHTS_AWAY)


class Command(BaseCommand):
    help = (
        "List the scorers; show one: what it judges, how its number comes about, what it needs; fetch its weights and "
        "say where they are; check its numbers against those its authors state; probe what it is taken in by."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=["list", "show", "fetch", "check", "probe"])
        parser.add_argument("scorer", nargs="?", help="name of the one to show, fetch, check or probe")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="SETTING=VALUE",
            help="fetch, check, probe: a setting of the scorer, such as source=/path/to/folder; may be repeated",
        )
        parser.add_argument("--samples", metavar="FOLDER", help="check: where the samples of its card lie")
        parser.add_argument("--project", metavar="PROJECT", help="probe: whose samples to use; drawings without it")
        parser.add_argument("--seed", type=int, default=0, help="probe: of the choice of samples and prompts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, name = options["what"], options["scorer"]
        if what == "list":
            self._list()
            return
        if not name:
            raise CommandError(f"Say which one: python manage.py scorers {what} NAME")
        try:
            facts = facts_of(name)
            if what == "show":
                self._show(facts)
            elif what == "fetch":
                self._fetch(facts, _settings(name, options["set"]))
            elif what == "probe":
                self._probe(facts, _settings(name, options["set"]), options)
            else:
                self._check(facts, _settings(name, options["set"]), options["samples"])
        except (ScorerUnavailable, PairwrightError) as error:
            raise CommandError(str(error)) from error

    # -- what there is ------------------------------------------------------------------------------------------------

    def _list(self) -> None:
        width = max(len(name) for name in CATALOGUE)
        for name, facts in sorted(CATALOGUE.items()):
            state = _weights_state(facts).ljust(STATE_WIDTH)
            parts = _(" (and numbers for parts)") if facts.has_places else ""
            apart = _(" (%(independence)s: not independent)") % vars(facts) if facts.independence else ""
            self.stdout.write(f"{name.ljust(width)}  {facts.queue}  {state}  {_(facts.judges)}{parts}{apart}")
        self.stdout.write(
            "\nOne of them: python manage.py scorers show NAME. Weights: python manage.py scorers fetch NAME"
        )

    def _show(self, facts: ScorerFacts) -> None:
        self.stdout.write(f"{_(facts.title)} ({facts.name}, version {facts.version})\n")
        for title, text in _sections(facts):
            self.stdout.write(f"  {title}")
            self.stdout.write(textwrap.fill(text, 96, initial_indent="    ", subsequent_indent="    "))
        self.stdout.write("  returns")
        for output in facts.outputs:
            self.stdout.write(
                f"    {output.criterion}: {_(output.title)}, {cards.span(output)}, {cards.direction(output)}"
            )
            if output.places:
                self.stdout.write(f"      parts: {_(output.places)}")
        for setting in settings_of(facts):
            self.stdout.write(f"  setting {setting.name} = {setting.default!r}: {_(setting.help)}")

    # -- weights ------------------------------------------------------------------------------------------------------

    def _fetch(self, facts: ScorerFacts, settings: dict[str, str]) -> None:
        with sources.watched() as trace:
            scorer = build(facts.name, settings)
            digest = scorer.identity_digest()
        for source, place in trace.places.items():
            self.stdout.write(f"{source}\n  {place}")
        for path, sha256 in trace.digests.items():
            self.stdout.write(f"{sha256}  {path}")
        if not trace.places:
            self.stdout.write(_nothing_to_fetch(facts))
        self.stdout.write(f"Rater {digest[:12]} ({facts.name} version {facts.version}) can run here.")

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _check(self, facts: ScorerFacts, settings: dict[str, str], samples: str | None) -> None:
        if facts.published and not samples:
            raise CommandError(
                f"Say where the samples lie: python manage.py scorers check {facts.name} --samples FOLDER. They are: "
                f"{', '.join(sorted({one.sample for one in facts.published}))} ({facts.published[0].source})."
            )
        scorer = build(facts.name, settings)
        found = checking.check(_ready(scorer), Path(samples or "."))
        self.stdout.write(_table(found))
        if not found.is_right:
            wrong = sum(not one.is_right for one in found.compared)
            raise CommandError(
                f"{wrong} of {len(found.compared)} numbers of “{facts.name}” are not what is stated. "
                "Compare its settings and weights with those of its authors.",
                returncode=1,
            )
        self.stdout.write(f"“{facts.name}” gives what is stated (rater {found.digest[:12]}).")

    # -- what it is taken in by ---------------------------------------------------------------------------------------

    def _probe(self, facts: ScorerFacts, settings: dict[str, str], options: dict[str, Any]) -> None:
        """In this process, without a worker; what is found is kept as after a job."""
        project = find_project(options["project"]) if options["project"] else None
        scorer = _ready(build(facts.name, settings))
        whole = checked_settings(facts.name, settings)
        run = running.run_here(running.Wanted(scorer, whole, project, options["seed"]), pace(facts.queue))
        self.stdout.write(probe_table.lines(run, facts.outputs))


def _ready(scorer: Scorer[Any]) -> Scorer[Any]:
    """The scorer with its weights in memory; says how to fetch them where they are not here."""
    try:
        scorer.ready()
    except ScorerUnavailable as error:
        raise CommandError(
            f"{error} To fetch them: python manage.py scorers fetch {scorer.name}; from another place: "
            "--set source=OWNER/NAME@COMMIT, a folder or s3://BUCKET/PREFIX."
        ) from error
    return scorer


def _table(found: checking.Check) -> str:
    rows = [("sample", "criterion", "stated", "measured", "difference", "tolerance", "")]
    for one in found.compared:
        measured, difference = "–", one.problem
        if one.measured is not None:
            measured, difference = f"{one.measured:.6g}", f"{one.measured - one.stated:+.2g}"
        verdict = "right" if one.is_right else "DIFFERENT"
        rows.append(
            (one.sample, one.criterion, f"{one.stated:.6g}", measured, difference, f"{one.tolerance:g}", verdict)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _settings(name: str, given: list[str]) -> dict[str, str]:
    """`SETTING=VALUE`, or `NAME.SETTING=VALUE` as `score` has it; ScorerUnavailable names an unknown one."""
    settings: dict[str, str] = {}
    for text in given:
        left, separator, value = text.partition("=")
        if not separator:
            raise CommandError(f"--set {text!r} is not SETTING=VALUE.")
        settings[left.removeprefix(f"{name}.")] = value
    checked_settings(name, settings)
    return settings


def _weights_state(facts: ScorerFacts) -> str:
    """Whether the weights of its default settings are on this machine; looks, and fetches nothing."""
    named = [setting.default for setting in facts.settings if sources.names_weights(setting.default)]
    if named:
        return WEIGHTS_HERE if all(sources.is_here(source) for source in named) else WEIGHTS_AWAY
    if not facts.weights_licence:
        return NO_WEIGHTS
    is_to_be_named = any(setting.name == "source" for setting in facts.settings)
    return WEIGHTS_AWAY if is_to_be_named else WEIGHTS_HERE


def _nothing_to_fetch(facts: ScorerFacts) -> str:
    if facts.weights_licence:
        return f"The weights of “{facts.name}” come with the package that runs them; there is nothing to fetch."
    return f"“{facts.name}” is a rule and has no weights."


def _sections(facts: ScorerFacts) -> list[tuple[str, str]]:
    return [
        ("judges", _(facts.judges)),
        ("how the number comes about", _(facts.formula)),
        ("needs", cards.needs(facts)),
        ("runs on", cards.place(facts)),
        ("weights", _weights_state(facts)),
        ("licence", cards.licence(facts)),
        ("follows", facts.source),
        *([("independence", cards.independence(facts))] if facts.independence else []),
    ]
