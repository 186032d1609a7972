"""The operators by name: what each is applied to, and what it does in words. Light: pages and recipes read it.

What an operator computes stands in `pictures` and `texts`; a change in any of them is a new `VERSION`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

VERSION = 1
# What a negative's generator is called: the prefix and the operator.
PREFIX = "synthetic:"


@dataclass(frozen=True)
class Operator:
    name: str
    applies_to: Literal["picture", "text"]
    says: str


_ALL = (
    Operator("box-erased", "picture", "A box is filled with the mean colour of what lies around it."),
    Operator("patches-shuffled", "picture", "The patches of a box change their places."),
    Operator("box-blurred", "picture", "A box loses its detail to a blur."),
    Operator("colour-cast", "picture", "A box is tinted towards one colour."),
    Operator("cropped", "picture", "A part of the picture is cut out and enlarged; the rest is lost."),
    Operator("jpeg-noise", "picture", "A box is compressed until blocks show."),
    Operator("number-changed", "text", "A number becomes another one."),
    Operator("negation-inserted", "text", "A statement becomes its opposite."),
    Operator("entity-swapped", "text", "A name is replaced by another name of the same text."),
    Operator("sentence-dropped", "text", "A sentence is missing; the place is where it stood."),
    Operator("steps-swapped", "text", "Two steps that follow one another, a line each, change their places."),
    Operator("blank-answer", "text", "A judge-fooling answer: nothing but a space."),
    Operator("punctuation-only", "text", "A judge-fooling answer: a punctuation mark."),
    Operator("opener-only", "text", "A judge-fooling answer: an opening sentence with nothing behind it."),
    Operator(
        "instruction-to-judge", "text", "A judge-fooling answer: the answer begins by telling the judge what to do."
    ),
)
OPERATORS: Mapping[str, Operator] = {operator.name: operator for operator in _ALL}


def generator_name(operator: str) -> str:
    return PREFIX + operator


def seed_of(seed: int, operator: str, identity: str) -> int:
    """The seed of one negative: the same for the same sample, operator and seed on every machine.

    Args:
        seed: the caller's.
        identity: the original's, hexadecimal SHA-256.

    Returns:
        0 to 2**64 - 1, from SHA-256 of `negative:VERSION`, seed, operator and identity, parted by line feeds.
    """
    text = f"negative:{VERSION}\n{seed}\n{operator}\n{identity}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
