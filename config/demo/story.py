"""The demonstration told step by step, each by the command a user would type."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from config.demo import batches, prompts, samples, training
from config.demo.telling import Say, step
from curation.actions import criteria, projects
from curation.models import Project, Rater, Sample, Score, User
from scoring.models import FittedHead

SLUG = "signs-and-scenes"
_NAME = "Signs and scenes"
_DESCRIPTION = (
    "Drawn pictures, made by this program to try it on. The raters are scripted: they follow a program, not taste, "
    "and are called so everywhere."
)
_SCORERS = ("ocr", "technical", "near_duplicate")
_HEAD = "taste"
_GUIDELINE = """Look at the prompt first, then at both pictures.

- Words on a sign must be spelt as the prompt spells them.
- Count things; look at their colour.
- A broken, blurred or grainy picture loses to a clean one.
- When both fail the prompt beyond use, say that both are bad.
"""


@dataclass(frozen=True)
class Account:
    username: str
    password: str


def tell(say: Say) -> tuple[Account, Path]:
    """Runs the whole story; every number that is said was counted after the step. Returns the dataset card's path."""
    folder = Path(settings.DATA_DIR) / "demonstration"
    with step(say, "Tables"):
        call_command("migrate", verbosity=0)
    account = _administrator()
    project = _project(account)
    with step(say, "Drawing pictures"):
        drawn = samples.draw_files(folder)
        say(f"  {drawn.samples} pictures of {drawn.prompts} prompts by {drawn.generators} drawing generators")
    with step(say, "Importing them, as any files"):
        call_command("import_samples", SLUG, str(folder / "samples"))
    with step(say, "Scoring with " + ", ".join(_SCORERS)):
        call_command("score", SLUG, *(f"--scorer={name}" for name in _SCORERS), "--wait")
        say(f"  {Score.objects.filter(sample__project=project).count():,} scores in the store")
    _judgements(say, project, folder)
    prompts.tell(say, SLUG, folder)
    with step(say, "Opening batches, for you to judge in"):
        for batch in batches.open_all(project, User.objects.get(username=account.username)):
            say(f"  {batch.name}: {batch.item_count} items")
    return account, training.tell(say, project, folder, by=account.username) / "README.md"


def _administrator() -> Account:
    """The account `admin`, with a new password on every run: it is shown once and stored nowhere in the clear."""
    password = secrets.token_urlsafe(9)
    user, _created = User.objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True, "email": "admin@localhost"}
    )
    user.set_password(password)
    user.save()
    return Account(user.username, password)


def _project(account: Account) -> Project:
    project = Project.objects.filter(slug=SLUG).first()
    if project is None:
        by = User.objects.get(username=account.username)
        project = projects.create(name=_NAME, slug=SLUG, task="text-to-image", by=by, description=_DESCRIPTION)
        projects.change_settings(project=project, name=_NAME, description=_DESCRIPTION, licence="CC0-1.0", by=by)
        criteria.add_guideline(project=project, text=_GUIDELINE)
    return project


def _judgements(say: Say, project: Project, folder: Path) -> None:
    with step(say, "Importing what scripted raters said (scripts, not people)"):
        call_command("import_judgements", SLUG, str(folder / "judgements" / "judgements.jsonl"))
        raters = Rater.objects.filter(project=project, kind=Rater.Kind.SCRIPTED)
        say(f"  {project.judgements.filter(rater__in=raters).count()} acts by {raters.count()} scripted raters")
    with step(say, "Fitting a light scorer on what they said, examined on prompts it has not seen"):
        if FittedHead.objects.filter(project=project).exists():
            say("  it was fitted in an earlier run")
        else:
            words = ("--criterion=overall", "--voters=scripts", "--features=scores", f"--name={_HEAD}", "--wait")
            call_command("fit_head", SLUG, *words)


def closing_words(address: str, account: Account, card: Path) -> str:
    """Where to look and what to try."""
    count = Sample.objects.filter(project__slug=SLUG).count()
    base = f"{address}/projects/{SLUG}"
    return "\n".join(
        [
            "",
            f"Open    {address}",
            f"Sign in as {account.username} with the password {account.password}",
            f"Read    {card}, the card of the dataset that was made",
            "",
            "What to try",
            f"  {base}/           from prompts to training data, in one picture",
            f"  {base}/samples/   {count} pictures: sort them by any score",
            f"  {base}/work/      judge: a batch of each kind is open, one key a verdict",
            f"  {base}/batches/   what is asked of people, and how it goes",
            f"  {base}/consensus/ what all votes add up to, and what a scorer is worth beside them",
            f"  {base}/heads/     a scorer fitted here, and what it is worth on prompts it has not seen",
            f"  {base}/recipes/   move a threshold and watch the funnel",
            f"  {base}/datasets/  versions, what the gate found, and where each exported pair came from",
            f"  {address}/benchmarks/  what is never trained on",
            "",
            "Ctrl-C stops the site and everything it started. `make demo` again goes on from here.",
        ]
    )
