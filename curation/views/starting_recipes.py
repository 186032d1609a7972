"""The text a new recipe starts from: one that runs on what this project holds."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from curation.models import Comparison, Criterion, Project, Score

_HEAD = """\
recipe: 1
title: {title}
about: >
  {about}
seed: 1
candidates:
  kinds: [generated]          # add real or reference to pair with anchors
  unsafe: exclude
"""
_TAIL = """\
split:
  shares: {train: 0.9, validation: 0.05, test: 0.05}
  near_duplicates: 0.8        # prompts this alike stay in one split
"""
_TWO_STAGE = """\
pairing:
  rule: two_stage
  judge: {judge}
  points: {points}
  draw: {draw}
  min_gap: 0                  # the gap must be greater than this
"""
_ONE = """\
pairing:
  rule: best_against_worst
  by: {by}
  min_gap: 0
"""
_VOTES = """\
pairing:
  rule: judged_pairs
  by: {{votes: {votes}}}
  min_votes: 1
  min_share: 0.5
"""


# What says most about quality comes first; facts such as a picture's size come last, by their name.
_USUAL = ["overall", "clipscore", "alignment", "quality", "ocr_similarity", "technical_sharpness"]


def starting_text(project: Project) -> str:
    """A recipe over the project's own criteria: two stages where it can be, else what there is. Costs two queries."""
    voted, scored = _with_comparisons(project), _with_scores(project)
    if voted and scored:
        pairing = _TWO_STAGE.format(judge=f"{{votes: {voted[0]}}}", points=_scores(scored[0]), draw="judged")
        return _text("Two stages", "Comparisons part winners from losers; points take the best and the worst.", pairing)
    if len(scored) > 1:
        pairing = _TWO_STAGE.format(judge=_scores(scored[0]), points=_scores(scored[1]), draw="disjoint")
        return _text(
            "Two stages", "One scorer parts winners from losers; another takes the best and the worst.", pairing
        )
    if voted:
        return _text("What was voted", "Every pair that was compared, as its votes say.", _VOTES.format(votes=voted[0]))
    by = _scores(scored[0] if scored else "overall")
    return _text("Best against worst", "The best sample of each prompt against its worst.", _ONE.format(by=by))


def _text(title: str, about: str, pairing: str) -> str:
    return _HEAD.format(title=title, about=about) + pairing + _TAIL


def _scores(criterion: str) -> str:
    return f"{{scores: {criterion}}}"


def _with_scores(project: Project) -> list[str]:
    said = Score.objects.filter(criterion_version__criterion=OuterRef("pk"), is_retracted=False)
    keys = Criterion.objects.filter(Exists(said), project=project).values_list("key", flat=True)
    return sorted(keys, key=lambda key: (_USUAL.index(key) if key in _USUAL else len(_USUAL), key))


def _with_comparisons(project: Project) -> list[str]:
    said = Comparison.objects.filter(criterion_version__criterion=OuterRef("pk"), is_retracted=False)
    keys = Criterion.objects.filter(Exists(said), project=project).values_list("key", flat=True)
    return sorted(keys, key=lambda key: (key != "overall", key))
