"""`manage.py serve_scorers`: scores over HTTP, from a process that holds the models."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.errors import PairwrightError, Refused
from curation.management.commands.reward import at_lines, read_text
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import parse
from scoring.actions.serving.rewards import Given
from scoring.catalogue import CATALOGUE, checked_settings
from scoring.management.commands.score import with_settings
from scoring.management.serving import Service, serve
from scoring.scorers.base import ScorerUnavailable
from scoring.service.limits import MEBI, Limits

USUAL = Limits()


class Command(BaseCommand):
    help = (
        "Hold scorers in memory and answer over HTTP: scores of samples by id or by bytes, totals under a reward, and "
        "the pool of prompts. Tokens are made with scorer_tokens, or on a project's page. See docs/service.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scorer", action="append", required=True, metavar="NAME", help=f"may be repeated: {', '.join(CATALOGUE)}"
        )
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME.SETTING=VALUE", help="a setting of a scorer"
        )
        parser.add_argument("--reward", action="append", default=[], metavar="FILE", help="a reward in YAML to serve")
        parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1: this machine only)")
        parser.add_argument("--port", type=int, default=8100)
        parser.add_argument("--items", type=int, default=USUAL.items, help="samples a call (%(default)s)")
        parser.add_argument("--files", type=int, default=USUAL.files, help="pictures and videos a call (%(default)s)")
        parser.add_argument("--queue", type=int, default=USUAL.queued, help="samples in hand at once (%(default)s)")
        parser.add_argument("--calls", type=int, default=USUAL.calls, help="calls at once, of all tokens (%(default)s)")
        parser.add_argument("--calls-a-token", type=int, default=USUAL.calls_a_token, help="of one token (%(default)s)")
        parser.add_argument(
            "--wait-ms", type=float, default=USUAL.wait_seconds * 1000, help="a batch waits for others (%(default)s)"
        )
        parser.add_argument(
            "--deadline", type=float, default=USUAL.deadline_seconds, help="seconds a call may take (%(default)s)"
        )
        parser.add_argument(
            "--body-mib", type=int, default=USUAL.body_bytes // MEBI, help="a call's body at most (%(default)s)"
        )
        parser.add_argument("--picture-mib", type=int, help="a picture's bytes at most (default: as for imports)")
        parser.add_argument("--picture-megapixels", type=int, help="a picture's pixels at most (likewise)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scorers = with_settings(options["scorer"], options["set"])
            for name, own in scorers.items():
                checked_settings(name, own)
            service = Service(scorers, _rewards(options["reward"]), _limits(options), _address(options))
        except (PairwrightError, ScorerUnavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Serving {', '.join(scorers)} at http://{service.address}. GET /ready says when the models are loaded."
        )
        self.stdout.flush()
        serve(service)


def _address(options: dict[str, Any]) -> str:
    if not 0 < options["port"] < 65536:
        raise Refused(f"--port {options['port']} is no port; name one from 1 to 65535.")
    host = options["host"]
    return f"[{host}]:{options['port']}" if ":" in host and not host.startswith("[") else f"{host}:{options['port']}"


def _limits(options: dict[str, Any]) -> Limits:
    media = settings.MEDIA_LIMITS
    if options["picture_mib"] is not None:
        media = replace(media, picture_bytes=options["picture_mib"] * MEBI)
    if options["picture_megapixels"] is not None:
        media = replace(media, picture_pixels=options["picture_megapixels"] * MEBI)
    if any(getattr(media, one.name) < 1 for one in fields(media)):
        raise Refused("The limits of pictures are at least 1.")
    try:
        return Limits(
            items=options["items"],
            files=options["files"],
            body_bytes=options["body_mib"] * MEBI,
            media=media,
            queued=options["queue"],
            calls=options["calls"],
            calls_a_token=options["calls_a_token"],
            wait_seconds=options["wait_ms"] / 1000,
            deadline_seconds=options["deadline"],
        )
    except ValueError as error:
        raise Refused(f"The limits contradict each other: {error}.") from error


def _rewards(names: list[str]) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for name in names:
        try:
            rule = parse(read_text(name, "a reward"))
        except RecipeProblems as error:
            raise Refused(at_lines(name, error)) from error
        if rule.name in found:
            raise Refused(f"{name!r} and {found[rule.name].source!r} are both called {rule.name!r}; rename one.")
        found[rule.name] = Given(rule, Path(name).name)
    return found
