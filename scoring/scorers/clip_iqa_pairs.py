"""The pairs of opposite words that CLIP-IQA asks about. Plain: the web process reads them for the scorer's card.

Source: Wang, Chan and Loy, "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023; the sixteen names and
their words are those of torchmetrics 1.9 (`clip_image_quality_assessment`), which took the first from the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

from scoring.scorers.base import ScorerUnavailable

Pair = tuple[str, str]

PAIRS: Mapping[str, Pair] = {
    "quality": ("Good photo.", "Bad photo."),
    "brightness": ("Bright photo.", "Dark photo."),
    "noisiness": ("Clean photo.", "Noisy photo."),
    "colorfullness": ("Colorful photo.", "Dull photo."),
    "sharpness": ("Sharp photo.", "Blurry photo."),
    "contrast": ("High contrast photo.", "Low contrast photo."),
    "complexity": ("Complex photo.", "Simple photo."),
    "natural": ("Natural photo.", "Synthetic photo."),
    "happy": ("Happy photo.", "Sad photo."),
    "scary": ("Scary photo.", "Peaceful photo."),
    "new": ("New photo.", "Old photo."),
    "warm": ("Warm photo.", "Cold photo."),
    "real": ("Real photo.", "Abstract photo."),
    "beautiful": ("Beautiful photo.", "Ugly photo."),
    "lonely": ("Lonely photo.", "Sociable photo."),
    "relaxing": ("Relaxing photo.", "Stressful photo."),
}
# Somebody's own words are a criterion of their own.
OWN = "own"


def criterion_of(name: str) -> str:
    """The key of the criterion of a pair.

    >>> criterion_of("sharpness")
    'clip_iqa_sharpness'
    """
    return f"clip_iqa_{name}"


def chosen(names: str, own: str) -> dict[str, Pair]:
    """The pairs that a job asks about, by name.

    Args:
        names: of the sixteen, with commas between them; may be empty where own words are given.
        own: the better words and the worse ones with a bar between them, or nothing.

    Raises:
        ScorerUnavailable: an unknown name, own words without an opposite, or nothing to ask.

    >>> chosen("quality", "A steady hand|A shaky hand")
    {'quality': ('Good photo.', 'Bad photo.'), 'own': ('A steady hand', 'A shaky hand')}
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in PAIRS]
    if unknown:
        raise ScorerUnavailable(f"CLIP-IQA has no pair “{unknown[0]}”. It has: {', '.join(PAIRS)}.")
    found = {name: PAIRS[name] for name in wanted}
    if own.strip():
        found[OWN] = _opposites(own)
    if not found:
        raise ScorerUnavailable("CLIP-IQA is asked about nothing: name a pair in “pairs”, or give words in “own”.")
    return found


def _opposites(own: str) -> Pair:
    words = [part.strip() for part in own.split("|")]
    if len(words) != 2 or not all(words) or words[0] == words[1]:
        raise ScorerUnavailable(
            f"The setting “own” of CLIP-IQA is the better words, a bar, and the worse ones, such as "
            f"“Steady photo.|Shaky photo.”; not “{own}”."
        )
    return words[0], words[1]
