"""Groups of pictures with human-style rankings: what ImageReward, HPDv2's test set and HPSv3's evaluation share.

A version states pairs. Where the pairs of a prompt rank all samples in them, one record holds the whole group; where
they do not, each pair is a record of its own, so that no rank claims what nobody said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curation.exports.files import Records
from curation.exports.formats import MediaFile, RecalledVerdict, Row
from curation.exports.gathered import ExportEdge, ExportGroup
from curation.exports.layouts.ranks import ranks_of
from curation.exports.rows import ExportPrompt, ExportSource, ExportSubject


@dataclass(frozen=True)
class Ranking:
    """Samples of one prompt with their ranks, 1 is best, and the pairs that say so."""

    prompt: ExportPrompt
    subjects: tuple[ExportSubject, ...]
    ranks: tuple[int, ...]
    edges: tuple[ExportEdge, ...]

    @property
    def id(self) -> str:
        """The prompt's for a group; the pair's where a pair stands alone."""
        return self.prompt.id if len(self.subjects) > 2 else self.edges[0].pair_id

    def pairs(self) -> list[Row]:
        """The version's pairs as places among the subjects, for reading back: no trainer looks at them."""
        place = {subject.key: number for number, subject in enumerate(self.subjects)}
        return [{"pair_id": edge.pair_id, "of": [place[edge.chosen], place[edge.rejected]]} for edge in self.edges]


def rankings(group: ExportGroup) -> Iterator[Ranking]:
    """The group's one ranking, or one for each of its pairs."""
    subjects = {candidate.subject.key: candidate.subject for candidate in group.candidates}
    edges = [edge for edge in group.edges if edge.chosen in subjects and edge.rejected in subjects]
    paired = {key for edge in edges for key in (edge.chosen, edge.rejected)}
    members = [key for key in subjects if key in paired]
    ranks = ranks_of(members, [(edge.chosen, edge.rejected) for edge in edges])
    if ranks is not None:
        if edges:
            yield Ranking(group.prompt, tuple(subjects[key] for key in members), tuple(ranks), tuple(edges))
        return
    for edge in edges:
        # By sample, as in a group: the winner's place says nothing.
        both = sorted((edge.chosen, edge.rejected))
        places = tuple(1 if key == edge.chosen else 2 for key in both)
        yield Ranking(group.prompt, tuple(subjects[key] for key in both), places, (edge,))


def write_rankings(
    source: ExportSource,
    *,
    records: Callable[[str], Records],
    why_not: Callable[[ExportSubject], str | None],
    row: Callable[[Ranking, str], Row],
) -> Counter[str]:
    """One record a ranking; pairs with an answer the format cannot carry are counted by reason.

    Args:
        records: opens the records of a split.
        why_not: the reason why an answer cannot be in a record, or None.
        row: of a ranking and its split; writes the media.
    """
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with records(split) as opened:
            for group in source.groups(split):
                for ranking in rankings(_carried(group, why_not, left_out)):
                    opened.add(row(ranking, split))
    return left_out


def _carried(group: ExportGroup, why_not: Callable[[ExportSubject], str | None], left_out: Counter[str]) -> ExportGroup:
    reasons = {one.subject.key: reason for one in group.candidates if (reason := why_not(one.subject))}
    for edge in group.edges:
        reason = reasons.get(edge.chosen) or reasons.get(edge.rejected)
        if reason:
            left_out[reason] += 1
    kept = tuple(one for one in group.candidates if one.subject.key not in reasons)
    return ExportGroup(group.prompt, group.split, kept, group.opinions, group.edges)


def picture_obstacle(subject: ExportSubject) -> str | None:
    if [item.kind for item in subject.sample.media] != ["image"]:
        return "an answer that is not exactly one image"
    if subject.prompt.inputs:
        return "a prompt with inputs: the reader knows its words only"
    return None


def claims(pairs: Sequence[Row], files: Sequence[MediaFile], ranks: Sequence[float]) -> tuple[RecalledVerdict, ...]:
    """The winner of each of the version's pairs as the ranks say it: lower is better, equal decides nothing."""
    found = []
    for pair in pairs:
        better, worse = sorted(pair["of"], key=lambda place: ranks[place])
        if ranks[better] < ranks[worse]:
            found.append(RecalledVerdict(pair["pair_id"], (files[better],), (files[worse],)))
    return tuple(found)
