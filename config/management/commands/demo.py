"""`manage.py demo`: a drawn sample project from prompts to exported pairs, then the site."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from config import embedded
from config.demo import story


class Command(BaseCommand):
    help = "Draws a sample project, takes it from prompts to exported pairs, then serves the site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--serve", type=int, choices=(0, 1), default=1, help="0: stop afterwards, serve nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account, card = story.tell(self._say)
            if options["serve"]:
                self._say(story.closing_words("http://127.0.0.1:8000", account, card))
                call_command("up")
            else:
                self._say(f"\nThe demonstration is complete. `make demo` serves it.\nThe dataset card: {card}")
        finally:
            embedded.stop()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
