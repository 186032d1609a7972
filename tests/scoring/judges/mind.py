"""What the test server's "model" says: it looks at the pictures it is sent and follows the form it is asked for.

Brighter is better, unless the question speaks of darker ones. A question in any of the built-in templates is
answered in its own form, so no test needs to write replies by hand.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image

Chances = Mapping[str, float]


@dataclass(frozen=True)
class Thing:
    """One sample as it was shown: its pictures (or frames), or its words."""

    label: str
    pictures: tuple[Image.Image, ...] = ()
    words: str = ""

    @property
    def light(self) -> float:
        """Mean brightness, 0 to 255; of words, how many there are."""
        if not self.pictures:
            return float(min(len(self.words.split()), 255))
        return float(np.mean([np.asarray(picture.convert("L"), np.float64).mean() for picture in self.pictures]))


@dataclass(frozen=True)
class Said:
    """A reply, and the chances of its candidates where a token's probabilities are asked for."""

    text: str
    chances: Chances = field(default_factory=dict)


def things_in(content: Sequence[Mapping[str, object]]) -> list[Thing]:
    """The samples of a question, in order: what stands after “Image 1:”; a source picture is none."""
    found: list[Thing] = []
    label, pictures = "", []
    for piece in content:
        if piece["type"] == "text":
            if pictures and not label.startswith(("Source", "Mask", "Reference", "Control")):
                found.append(Thing(label, tuple(pictures)))
            lines = str(piece["text"]).strip().splitlines()
            label, pictures = lines[-1].rstrip(":") if lines else "", []
        else:
            pictures.append(piece["picture"])
    if pictures:
        found.append(Thing(label, tuple(pictures)))
    return found


def answers_in(text: str) -> list[Thing]:
    pattern = re.compile(r"^(Answer(?: \d)?):\n<answer-\d-(\w+)>\n(.*?)\n</answer-\d-\2>", re.M | re.S)
    return [Thing(match[1], words=match[3]) for match in pattern.finditer(text)]


def lights_of(things: Sequence[Thing], text: str, noise: Random, wobble: float) -> list[float]:
    sign = -1 if re.search(r"\bdarker\b", text, re.IGNORECASE) else 1
    return [sign * thing.light + noise.gauss(0, wobble) for thing in things]


def speak(text: str, things: Sequence[Thing], lights: Sequence[float], *, bias: float, tie_below: float) -> Said:
    """The reply to a question.

    Args:
        text: all words of the question.
        lights: how good each thing seems, the more the better.
        bias: grey levels that the first thing gets on top, for standing first.
        tie_below: a difference below this many grey levels is a tie.
    """
    seen = [light + (bias if place == 0 and len(lights) > 1 else 0.0) for place, light in enumerate(lights)]
    for form in (
        _listener,
        _of_a_description,
        _probabilities,
        _json,
        _verdicts,
        _sentences,
        _scores_of_two,
        _order,
        _checklist,
        _points,
        _asked,
    ):
        said = form(text, things, seen, tie_below)
        if said is not None:
            return said
    return Said("I see pictures, but I do not know what you want of me.")


def _side(seen: Sequence[float], tie_below: float) -> int:
    """1, 2, or 0 for a tie."""
    difference = seen[0] - seen[1]
    return 0 if abs(difference) < tie_below else 1 if difference > 0 else 2


def _critique(things: Sequence[Thing], seen: Sequence[float]) -> str:
    return " ".join(f"{thing.label} has a light of {value:.1f}." for thing, value in zip(things, seen, strict=True))


def _listener(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    if "<reasoning-" not in text:
        return None
    lights = [float(value) for value in re.findall(r"has a light of (-?[\d.]+\d)", text)]
    side = _side(lights, tie_below) if len(lights) == 2 else 0
    return Said(f"It follows.\n{_verdict_lines(text, side, 0.0)}")


def _verdict_lines(text: str, side: int, difference: float) -> str:
    lines = []
    for match in re.finditer(r"^(?P<label>.+): (?P<noun>\w+) 1(?P<by>, <1 to (?P<steps>\d)>)? \|.*$", text, re.M):
        steps = int(match["steps"] or 0)
        by = f", {min(1 + int(abs(difference) // 40), steps)}" if steps and side else ""
        lines.append(f"{match['label']}: " + (f"{match['noun']} {side}{by}" if side else "Tie"))
    return "\n".join(lines)


def _verdicts(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    if len(seen) != 2:
        return None
    lines = _verdict_lines(text, _side(seen, tie_below), seen[0] - seen[1])
    reasons = "" if "Give no reasons." in text else f"{_critique(things, seen)}\n"
    return Said(reasons + lines) if lines else None


def _sentences(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    match = re.search(r"^(\w+) 1 is better \| ", text, re.M)
    if match is None or len(seen) != 2:
        return None
    side = _side(seen, tie_below)
    sentence = f"{match[1]} {side} is better" if side else f"Both {match[1].lower()}s are equally good"
    critique = _critique(things, seen)
    if "</answer>" in text:
        return Said(f"<think>{critique}</think>\n<answer>{sentence}</answer>")
    return Said(f"{critique}\n{sentence}.")


def _scores_of_two(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    blocks = re.findall(r"^(?:(.+):\n)?(\w+) 1: <number>\n\w+ 2: <number>", text, re.M)
    if not blocks or len(seen) != 2:
        return None
    share = 1 / (1 + math.exp(-(seen[0] - seen[1]) / 64))
    sums = "adding up to 1" in text
    left, right = (round(share, 6), round(1 - round(share, 6), 6)) if sums else (seen[0] - 128, seen[1] - 128)
    lines = [f"{label}:\n{noun} 1: {left:f}\n{noun} 2: {right:f}".removeprefix(":\n") for label, noun in blocks]
    return Said("\n\n".join(lines))


def _order(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    labels = re.findall(r"^(.+): <best> > <second>", text, re.M)
    if not labels:
        return None
    places = sorted(range(len(seen)), key=lambda place: -seen[place])
    order = str(places[0] + 1)
    for one, other in pairwise(places):
        order += (" = " if seen[one] - seen[other] < tie_below else " > ") + str(other + 1)
    return Said("\n".join([_critique(things, seen), *(f"{label}: {order}" for label in labels)]))


def _checklist(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    """The brighter, the more questions are answered with yes, from the first on."""
    if "1: yes" not in text:
        return None
    count = len(re.findall(r"^\d+\. ", text, re.M))
    lines = [f"{k}: {'yes' if abs(seen[0]) / 255 > k / (count + 1) else 'no'}" for k in range(1, count + 1)]
    chance = min(max(abs(seen[0]) / 255, 0.01), 0.99)
    return Said("\n".join(lines), {"yes": chance, "no": 1 - chance})


def _points(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    lines = re.findall(r"^(.+) \((-?[\d.]+)-([\d.]+)\): <number>", text, re.M)
    final = re.search(r"the number from (-?[\d.]+) to ([\d.]+):\n(.+): <number>", text)
    if final:
        lines = [(final[3], final[1], final[2])]
    if not lines or len(seen) != 1:
        return None
    said = [f"{label}: {_on_scale(seen[0], low, high)}" for label, low, high in lines]
    # A number for each word of the caption, where they are asked for.
    said += [
        f'{label}: [["it", 0.5], ["[No_mistakes]", 0.1]]' for label in re.findall(r'^(.+): \[\["<word>"', text, re.M)
    ]
    return Said("\n".join([_critique(things, seen), *said]))


def _asked(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    """One plain question about one thing: yes or no, unlike for every question, the brighter the more often yes."""
    if len(seen) != 1 or not re.fullmatch(r"[^\n]{1,300}\?", text.strip()):
        return None
    threshold = 64 + zlib.crc32(text.strip().encode()) % 128
    chance = 1 / (1 + math.exp(-(abs(seen[0]) - threshold) / 32))
    return _likeliest({"yes": 0.9 * chance, "no": 0.9 * (1 - chance), "maybe": 0.1})


def _on_scale(light: float, low: str, high: str) -> str:
    share = min(max(abs(light) / 255, 0.0), 1.0)
    return f"{float(low) + share * (float(high) - float(low)):.2f}"


def _of_a_description(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    """A question to words alone: yes or no, unlike for every description and question."""
    if "By this description alone:" not in text:
        return None
    chance = (1 + zlib.crc32(text.encode()) % 98) / 100
    return _likeliest({"Yes": 0.9 * chance, "No": 0.9 * (1 - chance), "maybe": 0.1})


def _probabilities(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    if "Answer with one word, yes or no." in text:
        chance = min(max(abs(seen[0]) / 255, 0.001), 0.999)
        return _likeliest({"yes": 0.9 * chance, "no": 0.9 * (1 - chance), "maybe": 0.1})
    if "Answer with one digit and nothing else" in text:
        chance = 1 / (1 + math.exp(-(seen[0] - seen[1]) / 32))
        return _likeliest({"1": 0.9 * chance, "2": 0.9 * (1 - chance), "neither": 0.1})
    digits = re.search(r"one digit from (\d) to (\d)", text)
    if digits is None:
        return None
    low, high = int(digits[1]), int(digits[2])
    middle = low + abs(seen[0]) / 255 * (high - low)
    raw = {str(k): math.exp(-((k - middle) ** 2)) for k in range(low, high + 1)}
    said = _likeliest({name: 0.95 * chance / sum(raw.values()) for name, chance in raw.items()} | {"A": 0.05})
    labels = re.findall(r"^(.+): <digit>", text, re.M)
    return (
        Said("\n".join(["It is what it is.", *(f"{label}: {said.text}" for label in labels)]), said.chances)
        if (labels)
        else said
    )


def _likeliest(chances: Chances) -> Said:
    return Said(max(chances, key=lambda name: chances[name]), chances)


def _json(text: str, things: Sequence[Thing], seen: Sequence[float], tie_below: float) -> Said | None:
    if '"categories"' in text and len(seen) == 2:
        return Said(json.dumps(_flex(text, seen, tie_below, things)))
    match = re.search(r'^\{"reasoning": .*\}$', text, re.M)
    if match is None or len(seen) != 1:
        return None
    lists = re.findall(r'"([\w-]+)": \[([^\]]+)\]', match[0])
    value = round(min(abs(seen[0]), 255) / 255 * 25)
    fields = {key: [value] * len(names.split(",")) for key, names in lists}
    return Said(json.dumps({"reasoning": _critique(things, seen), **fields}))


def _flex(text: str, seen: Sequence[float], tie_below: float, things: Sequence[Thing]) -> dict[str, object]:
    side = _side(seen, tie_below)
    first = {0: 5, 1: 7, 2: 3}[side]
    noun = re.search(r'"winner": "(\w+) 1', text)
    winner = f"{noun[1] if noun else 'Image'} {side}" if side else "Tie"
    dims = [{"name": "light", "reason_1": "", "reason_2": "", "score_1": first, "score_2": 10 - first}]
    category = {"name": "Looks", "dims": dims, "cat_reason": _critique(things, seen), "cat_winner": winner}
    return {"categories": [category], "reason": _critique(things, seen), "winner": winner}
