"""One open batch of each kind, over the drawn pictures, for whoever wants to try how judging feels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.actions import batches, drafting
from annotation.actions.choosing import Filter, Plan
from annotation.models import Batch
from annotation.presets import Raw
from curation.actions import criteria
from curation.actions.criteria import Place, Wording
from curation.models import CriteriaSet, CriterionVersion, Project, Rater, User

_SCALE = [
    {"value": 1, "label": "unusable"},
    {"value": 2, "label": "poor"},
    {"value": 3, "label": "fair"},
    {"value": 4, "label": "good"},
    {"value": 5, "label": "as asked"},
]
_SET = "Signs and scenes"


@dataclass(frozen=True)
class Offer:
    """A batch to be made: its name, what it asks, of which groups of pictures, and anything out of the ordinary."""

    name: str
    questions: list[Raw]
    plan: Plan
    settings: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Batch, User], object] | None = None


def open_all(project: Project, by: User) -> list[Batch]:
    """Opens those that are not there yet; a second run of the demonstration changes nothing."""
    known = set(Batch.objects.filter(project=project).values_list("name", flat=True))
    made = [_open(project, offer, by) for offer in _offers(project) if offer.name not in known]
    return made or list(Batch.objects.filter(project=project).open())


def _open(project: Project, offer: Offer, by: User) -> Batch:
    batch, _chosen = batches.create(
        project=project,
        name=offer.name,
        questions=offer.questions,
        plan=offer.plan,
        by=by,
        seed=20_261_121,
        settings=offer.settings,
    )
    if offer.prepare is not None:
        offer.prepare(batch, by)
    return batches.open_batch(batch=batch, by=by)


def _offers(project: Project) -> Sequence[Offer]:
    overall = criteria.ensure(project=project, key="overall")
    fidelity, quality, checks = _criteria(project)
    pairs = Plan(rule="round-robin", shape="pair", limit=40)
    fours = Plan(rule="random", shape="group", size=4, limit=20)
    singles = Plan(rule="random", shape="single", limit=30)
    return [
        Offer(
            "Compare two",
            [_ask("overall", "compare", overall, "Which picture would you rather get for this prompt?")],
            pairs,
            {"overlap": 2, "repeat_share": 0.1},
        ),
        Offer(
            "Compare two, by criterion, and say why",
            [
                _ask("fidelity", "compare", fidelity, "Which one shows what was asked?", strength=3),
                _ask("quality", "compare", quality, "Which one is better made?", strength=3),
                _ask("overall", "compare", overall, "All in all, which one?", reason="optional"),
            ],
            pairs,
        ),
        Offer("Pick the best of four", [_ask("best", "pick", overall, "Which of these is the best?")], fours),
        Offer(
            "Rate each, then rank all",
            [
                _ask("quality", "rate", quality, "How well is it made?", levels=_SCALE),
                _ask("order", "rank", overall, "Put them in order, the best first.", stage=2),
            ],
            fours,
        ),
        Offer("Checklist", [_checklist(checks)], singles),
        Offer("Mark what is wrong", [_marks(fidelity)], singles),
        Offer(
            "Write a critique",
            [_ask("note", "write", quality, "What should the painter do better?", per="sample", most=500)],
            singles,
        ),
        Offer(
            "Check a machine's verdicts",
            [_ask("fidelity", "compare", fidelity, "Which sign is spelt as the prompt spells it?")],
            Plan(rule="random", shape="pair", per_prompt=4, limit=24, filter=Filter(words="sign")),
            {"control_share": 0.25},
            _drafts_by_reading,
        ),
    ]


def _ask(key: str, kind: str, criterion: CriterionVersion, text: str, **options: Any) -> Raw:
    return {
        "key": key,
        "kind": kind,
        "name": criterion.name,
        "text": text,
        "criterion": criterion.pk,
        **options,
    }


def _checklist(checks: Sequence[tuple[str, CriterionVersion]]) -> Raw:
    return {
        "key": "checklist",
        "kind": "check",
        "name": "Checklist",
        "text": "What holds?",
        "items": [
            {"key": version.criterion.key, "criterion": version.pk, "text": version.question, "group": group}
            for group, version in checks
        ],
    }


def _marks(criterion: CriterionVersion) -> Raw:
    return {
        "key": "problems",
        "kind": "mark",
        "name": "Problems",
        "text": "Mark what is wrong in the picture, and the words of the prompt that were not followed.",
        "criterion": criterion.pk,
        "required": False,
        "shapes": ["point", "box", "polygon", "span"],
        "targets": ["media", "prompt"],
        "errors": ["spelling", "count", "colour", "artefact", "missing"],
    }


def _criteria(project: Project) -> tuple[CriterionVersion, CriterionVersion, list[tuple[str, CriterionVersion]]]:
    """Two criteria on one scale, and a checklist in two levels under them; made once."""
    fidelity = criteria.ensure(project=project, key="fidelity", wording=_graded("Fidelity", "Is it what was asked?"))
    quality = criteria.ensure(project=project, key="quality", wording=_graded("Quality", "Is it well made?"))
    told = [
        (fidelity, "spelling", "Are all words spelt as in the prompt?"),
        (fidelity, "number", "Are there as many things as asked?"),
        (fidelity, "colour", "Are the colours those asked for?"),
        (quality, "sharpness", "Is it sharp?"),
        (quality, "wholeness", "Is it free of breaks and grain?"),
    ]
    checks = [
        (parent.name, criteria.ensure(project=project, key=key, wording=_yes_no(key.capitalize(), question)))
        for parent, key, question in told
    ]
    if not CriteriaSet.objects.filter(project=project, name=_SET).exists():
        places = [
            Place(parent, children=[Place(version) for group, version in checks if group == parent.name])
            for parent in (fidelity, quality)
        ]
        criteria.add_set(project=project, name=_SET, places=places)
    return fidelity, quality, checks


def _graded(name: str, question: str) -> Wording:
    return Wording(name=name, question=question, scale=CriterionVersion.Scale.ORDINAL, levels=_SCALE)


def _yes_no(name: str, question: str) -> Wording:
    levels = [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}]
    return Wording(name=name, question=question, scale=CriterionVersion.Scale.YES_NO, levels=levels)


def _drafts_by_reading(batch: Batch, by: User) -> None:
    """The scorer that reads the signs proposes whose words are nearer to those asked for."""
    reader = Rater.objects.machines().filter(name__startswith="ocr").order_by("pk").last()
    if reader is None:
        raise RuntimeError("no OCR scorer has run on the demonstration, so it cannot draft verdicts")
    spoken = drafting.criteria_of(reader, batch)
    nearness = next(version for version in spoken if "similar" in version.criterion.key)
    drafting.add_drafts(batch=batch, rater=reader, by=by, reads={"fidelity": nearness.pk})
