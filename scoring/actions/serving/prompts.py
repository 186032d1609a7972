"""The pool of prompts that an online trainer draws from: what may be trained on, in pages, under one digest.

Nothing held out leaves: what a frozen benchmark of any project bars (as it bars in recipes), what was taken down, and
what some dataset of the project put into another split than `train`, unless that dataset and split are asked for.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl
from django.db.models import Count, Max, Prefetch

from curation.actions import benchmarks, media, withdrawn_rows
from curation.models import Benchmark, Dataset, Project, Prompt, PromptMedia, Rendition, TakenDown
from curation.models.datasets import SplitAssignment
from curation.models.evidence_frames import read_evidence
from curation.models.prompts import PromptQuerySet
from curation.recipes.steps.barred import ALIKE, leave_out
from scoring.scorers.base import Json
from scoring.service.desk import Shown
from scoring.service.refusals import CallRefused
from scoring.service.wire import is_storable

TRAIN = "train"
MOST_A_PAGE, USUAL_PAGE = 500, 100
MOST_KEPT, SECONDS_KEPT = 8, 60.0
_KNOWN = ("after", "size", "digest", "tag", "locale", "dataset", "split")


@dataclass(frozen=True)
class Wanted:
    """Which prompts, and which page of them.

    Attributes:
        after: the id of the last prompt of the page before; 0 for the first.
        digest: of the pool whose first page was read; empty where any will do.
        dataset, split: both or neither: the prompts that a dataset put there.
    """

    after: int = 0
    size: int = USUAL_PAGE
    digest: str = ""
    tag: str = ""
    locale: str = ""
    dataset: str = ""
    split: str = ""


def wanted(query: Mapping[str, str]) -> Wanted:
    """
    Raises:
        CallRefused: 400 for what is not understood.
    """
    unknown = sorted(set(query) - set(_KNOWN))
    if unknown:
        raise CallRefused(400, f"The pool is not narrowed by {unknown[0]!r}; it is by {', '.join(_KNOWN)}.")
    if not all(map(is_storable, query.values())):
        raise CallRefused(400, "The query holds characters that no tag, language, dataset or split has.")
    if bool(query.get("dataset")) != bool(query.get("split")):
        raise CallRefused(400, "Name a dataset together with one of its splits.")
    texts = {name: query.get(name, "") for name in ("digest", "tag", "locale", "dataset", "split")}
    return Wanted(_whole(query, "after", 0, 2**63 - 1), _whole(query, "size", USUAL_PAGE, MOST_A_PAGE) or 1, **texts)


def _whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    said = query.get(name, "")
    if not said:
        return default
    if not (said.isascii() and said.isdigit() and len(said) < 20):
        raise CallRefused(400, f"{name} is a whole number, not {said[:40]!r}.")
    return min(int(said), most)


@dataclass(frozen=True)
class Pool:
    """Prompts that may leave, in the order of ids, and SHA-256 over their identities in that order."""

    prompts: pl.DataFrame  # prompt_id, prompt_identity
    digest: str


class Pools:
    """Pools that were worked out lately. One is worked out anew when anything that bars or adds prompts changed, and
    after a minute in any case."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Wanted], tuple[object, float, Pool]] = OrderedDict()

    def page(self, *, project: Project, asked: Wanted) -> dict[str, Json]:
        """One page of the pool, with the digest of the whole.

        Raises:
            CallRefused: 404 for an unknown dataset; 409 where the pool is no longer the one whose digest was sent.
        """
        pool = self._pool(project, replace(asked, after=0, size=0, digest=""))
        if asked.digest and asked.digest != pool.digest:
            raise CallRefused(409, f"The pool changed since its first page: its digest is {pool.digest}. Begin again.")
        ids = pool.prompts["prompt_id"].filter(pool.prompts["prompt_id"] > asked.after).head(asked.size + 1).to_list()
        shown = ids[: asked.size]
        return {
            "pool": {"digest": pool.digest, "prompts": pool.prompts.height},
            "prompts": _told(shown),
            "next": shown[-1] if len(ids) > asked.size else None,
        }

    def media(self, *, project: Project, sha256: str) -> Shown | None:
        """An input medium of a prompt that may be trained on, as scorers see it; None for any other.

        Raises:
            Unavailable: this machine cannot read the storage.
        """
        places = PromptMedia.objects.filter(prompt__project=project, asset__sha256=sha256)
        asked_by = set(places.values_list("prompt_id", flat=True))
        pool = self._pool(project, Wanted(size=0)).prompts["prompt_id"] if asked_by else ()
        if asked_by.isdisjoint(pool):
            return None
        rendition = Rendition.objects.filter(asset__sha256=sha256).order_by("-recipe_version").first()
        return Shown(media.local_path(rendition=rendition), rendition.mime) if rendition is not None else None

    def _pool(self, project: Project, narrowed: Wanted) -> Pool:
        key, state, now = (project.pk, narrowed), _state(project), time.monotonic()
        known = self._kept.get(key)
        if known is not None and known[0] == state and now - known[1] < SECONDS_KEPT:
            return known[2]
        made = pool_of(project, narrowed)
        self._kept[key] = (state, now, made)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made


def _state(project: Project) -> object:
    """Changes with whatever adds prompts to a pool or takes them out. Four quick queries."""
    return (
        Prompt.objects.filter(project=project).aggregate(Count("pk"), Max("pk")),
        Benchmark.objects.aggregate(Count("pk"), Max("pk")),
        SplitAssignment.objects.filter(dataset__project=project).aggregate(Count("pk"), Max("pk")),
        TakenDown.objects.filter(withdrawal__project=project).aggregate(Count("pk"), Max("pk")),
    )


def pool_of(project: Project, narrowed: Wanted) -> Pool:
    """The whole pool, worked out anew."""
    prompts = Prompt.objects.filter(project=project)
    if narrowed.tag:
        prompts = prompts.tagged(narrowed.tag)
    if narrowed.locale:
        prompts = prompts.filter(locale=narrowed.locale)
    named = list(_in_split(project, prompts, narrowed).order_by("pk").values_list("pk", "identity"))
    frame = pl.DataFrame(named, schema={"prompt_id": pl.Int64, "prompt_identity": pl.String}, orient="row")
    _samples, down = withdrawn_rows.taken_down(project)
    kept = _unbarred(project, frame.join(down, left_on="prompt_id", right_on="id", how="anti")).sort("prompt_id")
    return Pool(kept, hashlib.sha256("\n".join(kept["prompt_identity"]).encode()).hexdigest())


def _in_split(project: Project, prompts: PromptQuerySet, asked: Wanted) -> PromptQuerySet:
    """What a dataset holds out is trained on neither by itself nor by the name of another dataset."""
    own = SplitAssignment.objects.filter(dataset__project=project)
    held_out = own.exclude(split=TRAIN).values("prompt_id")
    if not asked.dataset:
        return prompts.exclude(pk__in=held_out)
    if not Dataset.objects.filter(project=project, name=asked.dataset).exists():
        raise CallRefused(404, f"The project has no dataset {asked.dataset!r}.")
    assigned = own.filter(dataset__name=asked.dataset, split=asked.split).values("prompt_id")
    narrowed = prompts.filter(pk__in=assigned)
    return narrowed.exclude(pk__in=held_out) if asked.split == TRAIN else narrowed


def _unbarred(project: Project, prompts: pl.DataFrame) -> pl.DataFrame:
    """The prompts no benchmark bars, by the rule of recipes: each stands as a sample that shows nothing."""
    barred = benchmarks.barred_frames()
    if not barred.height or not prompts.height:
        return prompts
    ids = prompts["prompt_id"].to_list()
    evidence = read_evidence(project_id=project.pk, dataset_id=None, scored=(), voted=(), prompts=ids)
    stand_ins = prompts.with_columns(
        sample_id="prompt_id", identity=pl.lit(""), content=pl.lit(""), media_state=pl.lit("none")
    )
    kept, _line = leave_out(stand_ins, replace(evidence, barred=barred), ALIKE)
    return kept.select(prompts.columns)


def _told(ids: list[int]) -> list[dict[str, Json]]:
    """Each prompt as a trainer needs it, in the order of ids. Costs three queries."""
    found = Prompt.objects.in_bulk(ids)
    files: dict[int, dict[str, list[Json]]] = {}
    renditions = Prefetch("asset__renditions", Rendition.objects.order_by("recipe_version"))
    places = PromptMedia.objects.filter(prompt__in=ids, asset__isnull=False).prefetch_related("asset", renditions)
    for place in places.order_by("prompt_id", "role", "position"):
        assert place.asset is not None
        shown = list(place.asset.renditions.all())[-1:]
        told: list[Json] = [{"sha256": place.asset.sha256, "mime": rendition.mime} for rendition in shown]
        files.setdefault(place.prompt_id, {}).setdefault(place.role, []).extend(told)
    return [_one(found[pk], files.get(pk, {})) for pk in ids if pk in found]


def _one(prompt: Prompt, files: Mapping[str, list[Json]]) -> dict[str, Json]:
    return {
        "id": prompt.pk,
        "key": prompt.key,
        "identity": prompt.identity,
        "text": prompt.text,
        "turns": prompt.turns,
        "facts": prompt.facts,
        "tags": prompt.tags,
        "locale": prompt.locale,
        "licence": prompt.licence,
        "media": files,
    }
