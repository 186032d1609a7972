"""The demonstration told step by step, each by the command a user would type."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from config.demo import batches, samples
from curation.actions import criteria, projects
from curation.models import DatasetVersion, Project, Rater, Sample, Score, User

SLUG = "signs-and-scenes"
RECIPES = Path(__file__).parent / "recipes"
_DATASETS = {"signs-and-scenes": "signs-and-scenes.yaml", "words-on-signs": "words-on-signs.yaml"}
_SCORERS = ("ocr", "technical", "near_duplicate")
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


def tell(say: Callable[[str], object]) -> Account:
    """Runs the whole story; every number that is said was counted after the step."""
    folder = Path(settings.DATA_DIR) / "demonstration"
    with _step(say, "Tables"):
        call_command("migrate", verbosity=0)
    account = _administrator()
    project = _project(account)
    with _step(say, "Drawing pictures"):
        drawn = samples.draw_files(folder)
        say(f"  {drawn.samples} pictures of {drawn.prompts} prompts by {drawn.generators} drawing generators")
    with _step(say, "Importing them, as any files"):
        call_command("import_samples", SLUG, str(folder / "samples"))
    with _step(say, "Scoring with " + ", ".join(_SCORERS)):
        call_command("score", SLUG, *(f"--scorer={name}" for name in _SCORERS), "--wait")
        say(f"  {Score.objects.filter(sample__project=project).count():,} scores in the store")
    _judgements(say, project, folder)
    with _step(say, "Opening batches, for you to judge in"):
        for batch in batches.open_all(project, User.objects.get(username=account.username)):
            say(f"  {batch.name}: {batch.item_count} items")
    for name, recipe in _DATASETS.items():
        _dataset(say, project, name, recipe, folder)
    return account


@contextmanager
def _step(say: Callable[[str], object], title: str) -> Iterator[None]:
    say(f"\n{title}")
    began = time.perf_counter()
    yield
    say(f"  {time.perf_counter() - began:.1f} s")


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
        project = projects.create(
            name="Signs and scenes",
            slug=SLUG,
            task="text-to-image",
            by=User.objects.get(username=account.username),
            description=(
                "Drawn pictures, made by this program to try it on. The raters are scripted: they follow a "
                "program, not taste, and are called so everywhere."
            ),
        )
        criteria.add_guideline(project=project, text=_GUIDELINE)
    return project


def _judgements(say: Callable[[str], object], project: Project, folder: Path) -> None:
    with _step(say, "Importing what scripted raters said (scripts, not people)"):
        call_command("import_judgements", SLUG, str(folder / "judgements" / "judgements.jsonl"))
        raters = Rater.objects.filter(project=project, kind=Rater.Kind.SCRIPTED)
        say(f"  {project.judgements.filter(rater__in=raters).count()} acts by {raters.count()} scripted raters")


def _dataset(say: Callable[[str], object], project: Project, name: str, recipe: str, folder: Path) -> None:
    with _step(say, f"Building the dataset {name} by {recipe}"):
        call_command("build_dataset", SLUG, "--recipe", str(RECIPES / recipe), "--name", name)
    version = DatasetVersion.objects.frozen().filter(dataset__name=name).order_by("number").last()
    if version is None:
        raise RuntimeError(f"the build of {name} ended without a version; see the job on its page")
    with _step(say, f"Checking that {version} can be rebuilt"):
        call_command("verify", str(version))
    out = folder / "exports" / f"{name}-{version.label}"
    with _step(say, f"Exporting {version} and reading it back"):
        call_command("export_dataset", str(version), "--format=canonical", "--format=pickapic", "--out", str(out))


def closing_words(address: str, account: Account) -> str:
    """Where to look and what to try."""
    count = Sample.objects.filter(project__slug=SLUG).count()
    base = f"{address}/projects/{SLUG}"
    return "\n".join(
        [
            "",
            f"Open    {address}",
            f"Sign in as {account.username} with the password {account.password}",
            "",
            "What to try",
            f"  {base}/          from prompts to training data, in one picture",
            f"  {base}/samples/  {count} pictures: sort them by any score",
            f"  {base}/work/     judge: a batch of each kind is open, one key a verdict",
            f"  {base}/batches/  what is asked of people, and how it goes",
            f"  {base}/prompts/  open a group to see all that was said about it",
            f"  {base}/recipes/  move a threshold and watch the funnel",
            f"  {base}/datasets/ every exported pair, and where it came from",
            "",
            "Ctrl-C stops the site and everything it started. `make demo` again goes on from here.",
        ]
    )
