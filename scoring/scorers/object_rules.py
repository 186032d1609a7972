"""Whether a picture holds the objects that a prompt asks for: counts, colours, places. Plain arithmetic, no model.

After GenEval (Ghosh, Hajishirzi and Schmidt 2023, section 3) and the graded form of it in Flow-GRPO (Liu et al. 2025):
an object counts above a confidence, higher where it is counted; one box is left of another when the offset of their
centres, less a margin of their sizes, points left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scoring.scorers.base import Json
from scoring.scorers.colour_names import COLOURS, known_colour

EXACT, AT_LEAST = "exact", "at_least"
# As a fact names them, and in GenEval's words.
RELATIONS = {"left_of": "left of", "right_of": "right of", "above": "above", "below": "below"}
MOST_REQUIREMENTS = 64
KNOWN = frozenset({"class", "count", "colour", "color", "position", *RELATIONS})

Box = tuple[float, float, float, float]


# -- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """So many objects of a class, perhaps of one colour and somewhere relative to objects of another class.

    Attributes:
        relations: pairs of a relation (`left of`, `right of`, `above`, `below`) and the other class.
    """

    name: str
    count: int = 1
    colour: str = ""
    relations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Asked:
    """Everything a prompt states: what must be there, and of what there must be fewer than a number."""

    objects: tuple[Wanted, ...]
    excluded: tuple[Wanted, ...] = ()

    @property
    def classes(self) -> list[str]:
        """Every class that must be looked for, once, in order of mention."""
        others = [other for wanted in self.objects for _relation, other in wanted.relations]
        names = [wanted.name for wanted in (*self.objects, *self.excluded)]
        return list(dict.fromkeys([*names, *others]))

    @property
    def counted(self) -> frozenset[str]:
        """Classes whose number matters beyond one, for which only confident finds count."""
        totals = self.totals
        return frozenset({one.name for one in self.excluded} | {name for name in totals if totals[name] > 1})

    @property
    def totals(self) -> dict[str, int]:
        """How many of each class: “a red cup and two blue cups” are three cups."""
        found: dict[str, int] = {}
        for wanted in self.objects:
            found[wanted.name] = found.get(wanted.name, 0) + wanted.count
        return found


def asked_of(facts: Mapping[str, Json]) -> Asked:
    """Reads the prompt's facts `objects` and `excluded`, in our shape or in GenEval's.

    Raises:
        ValueError: they state something else; names the entry and what is wrong with it.

    >>> asked_of({"objects": [{"class": "cat", "count": 2}]}).objects
    (Wanted(name='cat', count=2, colour='', relations=()),)
    """
    objects, excluded = _entries(facts, "objects"), _entries(facts, "excluded")
    if not objects and not excluded:
        raise ValueError("the fact objects is empty")
    names = [_name(entry) for entry in objects]
    return Asked(tuple(_wanted(entry, names) for entry in objects), tuple(_excluded(entry) for entry in excluded))


def _entries(facts: Mapping[str, Json], key: str) -> list[Mapping[str, Json]]:
    stated = facts.get(key) or []
    if not isinstance(stated, Sequence) or isinstance(stated, str) or len(stated) > MOST_REQUIREMENTS:
        raise ValueError(f"the fact {key} is no list of at most {MOST_REQUIREMENTS} objects")
    found: list[Mapping[str, Json]] = []
    for entry in stated:
        if not isinstance(entry, Mapping):
            raise ValueError(f"the fact {key} holds {entry!r}, which is no object with a class")
        unknown = sorted(set(entry) - KNOWN)
        if unknown:
            raise ValueError(f"the fact {key} has an unknown key “{unknown[0]}”; known are {', '.join(sorted(KNOWN))}")
        found.append(entry)
    return found


def _name(entry: Mapping[str, Json]) -> str:
    name = entry.get("class")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"an object of the facts has no class: {dict(entry)}")
    return " ".join(name.lower().split())


def _count(entry: Mapping[str, Json]) -> int:
    count = entry.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"the count of “{_name(entry)}” is {count!r}, not a whole number from 1")
    return count


def _excluded(entry: Mapping[str, Json]) -> Wanted:
    if set(entry) - {"class", "count"}:
        raise ValueError(f"the excluded “{_name(entry)}” may have a class and a count, nothing else")
    return Wanted(_name(entry), _count(entry))


def _wanted(entry: Mapping[str, Json], names: Sequence[str]) -> Wanted:
    colour = entry.get("colour", entry.get("color", ""))
    if not isinstance(colour, str):
        raise ValueError(f"the colour of “{_name(entry)}” is {colour!r}, not a word")
    if colour and not known_colour(colour):
        raise ValueError(f"the colour “{colour}” is not one of {', '.join(COLOURS)}")
    return Wanted(_name(entry), _count(entry), known_colour(colour), (*_relations(entry), *_position(entry, names)))


def _relations(entry: Mapping[str, Json]) -> list[tuple[str, str]]:
    found = []
    for key, relation in RELATIONS.items():
        if key in entry:
            found.append((relation, _name({"class": entry[key]})))
    return found


def _position(entry: Mapping[str, Json], names: Sequence[str]) -> list[tuple[str, str]]:
    """GenEval's own `["left of", 0]`: the relation, and which of the listed objects the other one is."""
    stated = entry.get("position")
    if stated is None:
        return []
    if isinstance(stated, Sequence) and len(stated) == 2:
        relation, place = stated
        if relation in RELATIONS.values() and isinstance(place, int) and 0 <= place < len(names):
            return [(str(relation), names[place])]
    raise ValueError(f'the position of “{_name(entry)}” is {stated!r}, not like ["left of", 0]')


# -- what is there ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detection:
    """An object a detector found.

    Attributes:
        score: confidence, 0 to 1.
        box: left, top, right, bottom in pixels of the rendition.
        colour: one of `COLOURS`; empty when nobody asked.
    """

    name: str
    score: float
    box: Box
    colour: str = ""


@dataclass(frozen=True)
class Rules:
    """The numbers of GenEval's evaluation.

    Attributes:
        threshold, counting_threshold: confidence above which an object counts; the second where its number matters.
        most: objects of a class that are looked at, the most confident ones.
        margin: share of both objects' sizes by which their centres must be apart.
        overlap: a box that overlaps a more confident one of its class by more (intersection over union) is the same
            object; 1 keeps all.
        counting: `exact`, or `at_least` as GenEval's own script has it.
    """

    threshold: float = 0.3
    counting_threshold: float = 0.9
    most: int = 16
    margin: float = 0.1
    overlap: float = 1.0
    counting: str = EXACT


def kept(detections: Sequence[Detection], asked: Asked, rules: Rules) -> dict[str, list[Detection]]:
    """The detections that count, by class, the most confident first; a class without any has an empty list."""
    found: dict[str, list[Detection]] = {}
    for name in asked.classes:
        bar = rules.counting_threshold if name in asked.counted else rules.threshold
        confident = sorted(
            (one for one in detections if one.name == name and one.score > bar), key=lambda one: -one.score
        )
        found[name] = _apart(confident, rules.overlap)[: rules.most]
    return found


def _apart(confident: Sequence[Detection], overlap: float) -> list[Detection]:
    found: list[Detection] = []
    for one in confident:
        if all(overlap_of(one.box, other.box) <= overlap for other in found):
            found.append(one)
    return found


def overlap_of(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1; 0 where both are empty.

    >>> overlap_of((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = across * down
    union = _area(one) + _area(other) - both
    return both / union if union > 0 else 0.0


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def relations_of(one: Box, other: Box, margin: float) -> frozenset[str]:
    """Where the first box lies as seen from the second.

    The offset of the centres is made shorter by `margin` times the sum of both sizes, each direction for itself;
    what is left counts where it is more than half the offset's whole length. Boxes side by side have one relation,
    diagonal ones two, boxes about one another none.

    >>> sorted(relations_of((0, 0, 10, 10), (50, 0, 60, 10), 0.1))
    ['left of']
    """
    offsets = [_centre(one, axis) - _centre(other, axis) for axis in (0, 1)]
    length = math.hypot(*offsets)
    if length == 0:
        return frozenset()
    shares = []
    for axis, offset in enumerate(offsets):
        clear = max(abs(offset) - margin * (_side(one, axis) + _side(other, axis)), 0.0)
        shares.append(math.copysign(clear, offset) / length)
    named = {"left of": -shares[0], "right of": shares[0], "above": -shares[1], "below": shares[1]}
    return frozenset(name for name, share in named.items() if share > 0.5)


def _centre(box: Box, axis: int) -> float:
    return (box[axis] + box[axis + 2]) / 2


def _side(box: Box, axis: int) -> float:
    return abs(box[axis + 2] - box[axis])


# -- the verdict ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """One requirement.

    Attributes:
        what: `count`, `colour`, `position` or `excluded`.
        share: how far it is met, 0 to 1; 1 exactly where it holds.
    """

    what: str
    name: str
    wanted: Json
    found: Json
    holds: bool
    share: float

    def as_json(self) -> dict[str, Json]:
        return {
            "what": self.what,
            "class": self.name,
            "wanted": self.wanted,
            "found": self.found,
            "holds": self.holds,
            "share": self.share,
        }


@dataclass(frozen=True)
class Judged:
    """All requirements of a picture."""

    verdicts: tuple[Verdict, ...] = field(default_factory=tuple)

    @property
    def strict(self) -> float:
        """1 when every requirement holds, else 0."""
        return float(all(verdict.holds for verdict in self.verdicts))

    @property
    def partial(self) -> float:
        """Mean over the requirements of how far each is met, 0 to 1."""
        return sum(verdict.share for verdict in self.verdicts) / len(self.verdicts)


def judge(asked: Asked, found: Mapping[str, Sequence[Detection]], rules: Rules) -> Judged:
    """Every requirement against what `kept` left over.

    A class's number is one requirement; each colour, each relation and each exclusion is one. A colour or relation
    counts only where the number of its class is right, for else nobody knows which objects are meant. (Flow-GRPO's
    server adds 1.0 to a relation's term even where it fails; that is not followed.)
    """
    verdicts = [_counted(name, total, found[name], rules) for name, total in asked.totals.items()]
    right = {verdict.name for verdict in verdicts if verdict.holds}
    for wanted in asked.objects:
        group = found[wanted.name][: asked.totals[wanted.name]]
        if wanted.colour:
            verdicts.append(_coloured(wanted, group, rules, is_sure=wanted.name in right))
        for relation, other in wanted.relations:
            others = found[other][: asked.totals.get(other, len(found[other]))]
            is_sure = wanted.name in right and (other in right or other not in asked.totals)
            verdicts.append(_placed(wanted, (relation, other), [(one, two) for one in group for two in others], rules))
            if not is_sure:
                verdicts[-1] = _refuted(verdicts[-1])
    verdicts += [_kept_out(wanted, len(found[wanted.name])) for wanted in asked.excluded]
    return Judged(tuple(verdicts))


def share_of(wanted: int, found: int) -> float:
    """max(0, 1 − |wanted − found| / wanted), for wanted from 1.

    >>> share_of(2, 3), share_of(2, 5), share_of(4, 3)
    (0.5, 0.0, 0.75)
    """
    return max(0.0, 1 - abs(wanted - found) / wanted)


def _reached(wanted: int, found: int, rules: Rules) -> float:
    return share_of(wanted, min(found, wanted) if rules.counting == AT_LEAST else found)


def _counted(name: str, total: int, found: Sequence[Detection], rules: Rules) -> Verdict:
    share = _reached(total, len(found), rules)
    return Verdict("count", name, total, len(found), share == 1.0, share)


def _coloured(wanted: Wanted, group: Sequence[Detection], rules: Rules, *, is_sure: bool) -> Verdict:
    colours = [one.colour for one in group]
    share = _reached(wanted.count, colours.count(wanted.colour), rules)
    verdict = Verdict("colour", wanted.name, [wanted.colour, wanted.count], colours, share == 1.0, share)
    return verdict if is_sure else _refuted(verdict)


def _placed(
    wanted: Wanted, relation: tuple[str, str], pairs: Sequence[tuple[Detection, Detection]], rules: Rules
) -> Verdict:
    seen = [sorted(relations_of(one.box, other.box, rules.margin)) for one, other in pairs]
    holds = bool(seen) and all(relation[0] in each for each in seen)
    return Verdict("position", wanted.name, list(relation), seen, holds, float(holds))


def _kept_out(wanted: Wanted, found: int) -> Verdict:
    holds = found < wanted.count
    return Verdict("excluded", wanted.name, wanted.count, found, holds, float(holds))


def _refuted(verdict: Verdict) -> Verdict:
    return Verdict(verdict.what, verdict.name, verdict.wanted, verdict.found, False, 0.0)
