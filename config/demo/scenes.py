"""What the demonstration asks for: scenes with countable things, and signs with given words. Plain code."""

from dataclasses import dataclass
from typing import Any

COLOURS = {
    "red": (196, 60, 52),
    "orange": (226, 130, 58),
    "yellow": (240, 196, 82),
    "green": (76, 138, 92),
    "blue": (62, 112, 176),
    "purple": (126, 92, 160),
    "pink": (226, 140, 160),
    "white": (244, 240, 230),
}


# The tag of scenes that are kept out of training.
HELD_OUT = "held-out"
SIGN, COUNTING = "shows:sign", "shows:counting"


@dataclass(frozen=True)
class Things:
    """Some things of a kind and colour, to be counted."""

    kind: str
    count: int
    colour: str


@dataclass(frozen=True)
class Scene:
    """A place and what stands in it; `words` are on a sign of the given make."""

    key: str
    prompt: str
    place: str
    things: Things | None = None
    sign: str = ""
    sign_colour: str = ""
    words: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """What can be checked in a picture of this scene."""
        facts: dict[str, Any] = {}
        if self.words:
            facts["text"] = self.words
        if self.things:
            facts["objects"] = [{"class": self.things.kind, "count": self.things.count, "color": self.things.colour}]
        return facts

    @property
    def tags(self) -> list[str]:
        kept = [HELD_OUT] if self.key in _KEPT_OUT else []
        return [f"place:{self.place}", SIGN if self.words else COUNTING, *kept]


_KEPT_OUT = ("sign-bakery", "sign-jazz-night", "4-purple-kite-hills", "3-blue-tent-snow")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
PLACES = {
    "hills": "on green hills under a clear sky",
    "sea": "over a calm sea at dusk",
    "night": "above a town at night",
    "desert": "in a warm desert",
    "snow": "in a quiet winter valley",
    "lake": "by a mountain lake in the morning",
}
_SIGNS = {
    "board": "a wooden board, {colour},",
    "shop": "a shop sign, {colour},",
    "banner": "a long {colour} banner",
    "poster": "a tall {colour} poster",
}

_SIGN_SCENES = [
    ("OPEN", "shop", "blue", "night"),
    ("TRAIL", "board", "green", "hills"),
    ("BAKERY", "shop", "orange", "snow"),
    ("HARBOUR", "board", "blue", "sea"),
    ("WELCOME", "banner", "red", "hills"),
    ("FRESH FISH", "board", "blue", "sea"),
    ("MUSEUM", "banner", "purple", "desert"),
    ("LIBRARY", "shop", "green", "snow"),
    ("SUMMER FAIR", "banner", "yellow", "lake"),
    ("COFFEE", "shop", "red", "night"),
    ("LAST STOP", "board", "orange", "desert"),
    ("CINEMA", "poster", "red", "night"),
    ("SLOW DOWN", "board", "yellow", "lake"),
    ("MARKET", "banner", "green", "sea"),
    ("JAZZ NIGHT", "poster", "purple", "night"),
    ("CAMP SITE", "board", "green", "lake"),
    ("TICKETS", "shop", "pink", "hills"),
    ("ICE RINK", "banner", "blue", "snow"),
    ("OASIS", "board", "yellow", "desert"),
    ("FERRY", "shop", "blue", "lake"),
]
_COUNT_SCENES = [
    ("balloon", 3, "red", "sea"),
    ("balloon", 5, "yellow", "hills"),
    ("sailing boat", 2, "white", "sea"),
    ("sailing boat", 4, "red", "lake"),
    ("house", 3, "orange", "snow"),
    ("house", 2, "pink", "hills"),
    ("kite", 4, "purple", "hills"),
    ("kite", 3, "green", "desert"),
    ("tulip", 5, "pink", "lake"),
    ("tulip", 4, "red", "hills"),
    ("tent", 3, "blue", "snow"),
    ("tent", 2, "yellow", "desert"),
    ("lantern", 5, "orange", "night"),
    ("lantern", 3, "pink", "sea"),
    ("umbrella", 3, "purple", "sea"),
    ("umbrella", 2, "red", "snow"),
]


def _sign_scene(words: str, sign: str, colour: str, place: str) -> Scene:
    make = _SIGNS[sign].format(colour=colour)
    return Scene(
        key=f"sign-{words.lower().replace(' ', '-')}",
        prompt=f'{make.capitalize()} that reads "{words}" {PLACES[place]}',
        place=place,
        sign=sign,
        sign_colour=colour,
        words=words,
    )


def _count_scene(kind: str, count: int, colour: str, place: str) -> Scene:
    return Scene(
        key=f"{count}-{colour}-{kind.replace(' ', '-')}-{place}",
        prompt=f"{_NUMBERS[count].capitalize()} {colour} {kind}s {PLACES[place]}",
        place=place,
        things=Things(kind, count, colour),
    )


SCENES: tuple[Scene, ...] = tuple(
    [_sign_scene(*row) for row in _SIGN_SCENES] + [_count_scene(*row) for row in _COUNT_SCENES]
)
