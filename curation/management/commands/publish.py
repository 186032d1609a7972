"""`manage.py publish EXPORT OWNER/NAME --licence SPDX`: an export to the Hub, or a rehearsal that sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from curation.actions import hub_tokens, publishing
from curation.errors import PairwrightError
from curation.models import DatasetVersion, Export, HubToken, Publication


class Command(BaseCommand):
    help = (
        "Publishes an export as one commit with a tag for its version. Doing it again sends only what is missing, "
        "and changes nothing where nothing changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("export", help="the number of an export, or NAME@VERSION for its newest one")
        parser.add_argument("repository", metavar="OWNER/NAME")
        add_terms(parser)
        parser.add_argument(
            "--format", action="append", dest="formats", metavar="FORMAT", help="of the export; default: all of them"
        )
        parser.add_argument("--dry-run", action="store_true", help="list the files and what would change, send nothing")
        parser.add_argument("--out", metavar="DIR", help="with --dry-run: write exactly the files that would be there")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["out"] and not options["dry_run"]:
            raise CommandError("--out goes with --dry-run.")
        try:
            export = _export(options["export"])
            wish = wish_of(options, is_rehearsal=options["dry_run"], formats=options["formats"])
            publication = publishing.order(export=export, wish=wish, by=None)
            done = run(self, publication)
            if options["dry_run"]:
                self._rehearsed(done, options["out"])
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _rehearsed(self, publication: Publication, out: str | None) -> None:
        if out:
            publishing.write_out(publication, Path(out))
        plan = publication.plan
        self.stdout.write(f"{publication.version} → {publication.repository}, tag {publication.tag}: nothing was sent")
        for file in plan["files"]:
            self.stdout.write(
                f"  {file['change'] or '-':<8} {file['bytes']:>14,}  {file['sha256'][:16]}  {file['path']}"
            )
        for path in plan["gone"]:
            self.stdout.write(f"  {'removed':<8} {'':>14}  {'':16}  {path}")
        if not plan["was_compared"]:
            self.stdout.write(self.style.WARNING(f"  Not compared with the Hub: {plan['why_not']}"))
        elif plan["stands_in_the_way"]:
            self.stdout.write(self.style.WARNING(f"  It would be refused: {plan['stands_in_the_way']}"))
        for one in plan["gate"]:
            self.stdout.write(
                self.style.WARNING(f"  The gate would refuse, {one['code']}: {one['words']} {one['remedy']}")
            )
        if out:
            self.stdout.write(f"  the files lie in {out}")


def add_terms(parser: CommandParser) -> None:
    """Under which terms an export goes to the Hub; `export_dataset --push` asks the same."""
    parser.add_argument("--licence", default="", metavar="SPDX", help="such as cc-by-4.0, or the name of another one")
    parser.add_argument("--licence-link", default="", metavar="URL", help="where the text of another licence stands")
    parser.add_argument("--public", action="store_true", help="make a new repository public; private by default")
    parser.add_argument("--move-tag", action="store_true", help="let the tag of this version move to the new files")
    parser.add_argument("--token", default="", metavar="NAME", help="a stored token of the installation, by its name")


def wish_of(
    options: dict[str, Any], *, is_rehearsal: bool = False, formats: list[str] | None = None
) -> publishing.Wish:
    return publishing.Wish(
        repository=options.get("repository") or options["push"],
        licence=options["licence"],
        formats=formats,
        licence_link=options["licence_link"],
        is_private=not options["public"],
        may_move_tag=options["move_tag"],
        is_rehearsal=is_rehearsal,
        token=_token(options["token"]),
    )


def run(command: BaseCommand, publication: Publication) -> Publication:
    """Does a publication in this process and says what came of it.

    Raises:
        PairwrightError: it did not come to its end; its job says the same.
    """
    job = publication.job
    assert job is not None  # ordered a moment ago
    done = publishing.run_job(job_id=job.pk)
    if done is None:
        job.refresh_from_db()
        raise CommandError(f"The publication is {job.get_state_display()} elsewhere; see the job on its page.")
    if done.published_at:
        sent = done.plan["sent_files"]
        what = f"{sent} files, {filesizeformat(done.plan['sent_bytes'])} sent" if sent else "nothing had to be sent"
        command.stdout.write(f"{done.version} → {done.repository}, tag {done.tag}, commit {done.commit[:10]}: {what}")
    return done


def _export(name: str) -> Export:
    finished = Export.objects.exclude(finished_at=None).select_related("version__dataset__project", "version__recipe")
    if name.isdigit():
        found = finished.filter(pk=int(name)).first()
    else:
        found = finished.filter(version=DatasetVersion.objects.named(name)).first()
    if found is None:
        raise CommandError(f"There is no finished export {name}. Make one: manage.py export_dataset NAME@VERSION …")
    return found


def _token(label: str) -> HubToken | None:
    if not label:
        return None
    known = [choice.token for choice in hub_tokens.choices(None) if choice.token]
    found = [token for token in known if token.label == label]
    if not found:
        listed = ", ".join(token.label for token in known) or "none"
        raise CommandError(f"The installation has no token called {label!r}. Stored for everybody: {listed}.")
    return found[0]
