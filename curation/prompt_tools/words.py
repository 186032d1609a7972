"""English words that can stand in for each other, for the rules of contrast prompts. Plain lists of our own."""

from __future__ import annotations

# Things of one row are alike enough to be mistaken, and different enough to see.
OBJECTS: tuple[tuple[str, ...], ...] = (
    ("cat", "dog", "rabbit", "fox", "squirrel"),
    ("horse", "cow", "sheep", "donkey", "goat", "pig"),
    ("lion", "tiger", "bear", "wolf", "leopard"),
    ("elephant", "giraffe", "zebra", "rhinoceros", "camel"),
    ("bird", "owl", "parrot", "eagle", "duck", "swan", "chicken", "penguin"),
    ("fish", "dolphin", "shark", "whale", "turtle"),
    ("butterfly", "bee", "spider", "beetle", "ant"),
    ("man", "woman"),
    ("boy", "girl"),
    ("king", "queen"),
    ("doctor", "teacher", "farmer", "chef", "soldier", "painter"),
    ("robot", "alien", "knight", "wizard", "astronaut", "pirate"),
    ("dragon", "unicorn", "mermaid", "ghost"),
    ("car", "bus", "truck", "van", "tractor"),
    ("bicycle", "motorcycle", "scooter"),
    ("boat", "ship", "canoe", "submarine"),
    ("airplane", "helicopter", "rocket", "balloon"),
    ("train", "tram"),
    ("house", "castle", "tower", "church", "barn", "tent"),
    ("bridge", "tunnel", "gate"),
    ("street", "river", "canal"),
    ("mountain", "hill", "volcano", "desert"),
    ("forest", "meadow", "garden", "beach"),
    ("tree", "bush", "cactus", "flower"),
    ("rose", "tulip", "sunflower", "daisy"),
    ("apple", "orange", "pear", "banana", "lemon", "peach"),
    ("carrot", "tomato", "potato", "onion", "pumpkin"),
    ("bread", "cheese", "cake", "pizza", "sandwich"),
    ("cup", "mug", "bowl", "plate", "bottle", "vase"),
    ("fork", "spoon", "knife"),
    ("chair", "table", "sofa", "bench", "bed", "stool"),
    ("lamp", "candle", "lantern"),
    ("clock", "mirror", "picture", "window", "door"),
    ("book", "newspaper", "letter", "map"),
    ("phone", "laptop", "camera", "television", "radio"),
    ("hat", "cap", "helmet", "crown", "scarf"),
    ("shirt", "jacket", "coat", "dress", "sweater"),
    ("shoe", "boot", "sandal"),
    ("bag", "backpack", "suitcase", "basket", "box"),
    ("umbrella", "flag", "kite"),
    ("guitar", "violin", "piano", "drum", "flute"),
    ("ball", "cube", "pyramid", "cylinder", "cone"),
    ("circle", "square", "triangle", "star"),
    ("sword", "axe", "bow", "shield"),
    ("sun", "moon"),
)
COLOURS = (
    "red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "black", "white", "grey", "gray",
    "turquoise", "golden", "silver",
)  # fmt: skip
# The colour that is put in place of each; the next free one where it stands in the prompt already.
COLOUR_TURNS = ("red", "blue", "green", "yellow", "purple", "orange", "pink", "brown", "black", "white")
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# Neither is a number of things: what stands behind it is a unit, a time or a size.
NOT_COUNTED = frozenset(
    (
        "am", "pm", "percent", "mm", "cm", "m", "km", "k", "mp", "px", "p", "fps", "year", "years", "hour", "hours",
        "minute", "minutes", "seconds", "degrees", "o'clock", "dollars", "euros", "kg", "g", "ml", "x", "of", "and",
        "or", "to",
    )
)  # fmt: skip
# Each turned into its other side, in both directions.
RELATIONS: tuple[tuple[str, str], ...] = (
    ("to the left of", "to the right of"),
    ("on the left of", "on the right of"),
    ("left of", "right of"),
    ("on the left", "on the right"),
    ("in front of", "behind"),
    ("on top of", "underneath"),
    ("above", "below"),
    ("over", "under"),
    ("inside", "outside"),
    ("next to", "far away from"),
    ("near", "far from"),
    ("before", "after"),
    ("towards", "away from"),
    ("into", "out of"),
)
# Between two things; either may be the subject.
JOINTS = (
    "to the left of", "to the right of", "on the left of", "on the right of", "left of", "right of", "in front of",
    "behind", "on top of", "underneath", "above", "below", "over", "under", "inside", "next to", "beside", "near", "on",
    "chasing", "holding", "riding", "carrying", "watching", "following", "feeding", "kissing", "biting",
    "pushing", "pulling", "looking at", "leaning on",
)  # fmt: skip
QUALITIES: tuple[tuple[str, str], ...] = (
    ("big", "small"), ("large", "tiny"), ("huge", "little"), ("tall", "short"), ("long", "short"), ("old", "young"),
    ("ancient", "modern"), ("new", "worn"), ("wooden", "metal"), ("round", "square"), ("thick", "thin"),
    ("fat", "slim"), ("happy", "sad"), ("smiling", "frowning"), ("open", "closed"), ("full", "empty"), ("wet", "dry"),
    ("clean", "dirty"), ("bright", "dark"), ("sunny", "rainy"), ("hot", "cold"), ("smooth", "rough"),
    ("shiny", "dull"), ("striped", "spotted"), ("curly", "straight"), ("broken", "intact"), ("soft", "hard"),
    ("empty", "crowded"), ("loud", "quiet"),
)  # fmt: skip
ACTIONS: tuple[tuple[str, str], ...] = (
    ("sitting", "standing"), ("running", "sleeping"), ("walking", "lying"), ("jumping", "crawling"),
    ("eating", "drinking"), ("laughing", "crying"), ("flying", "swimming"), ("reading", "writing"),
    ("dancing", "kneeling"), ("singing", "whispering"), ("pushing", "pulling"), ("holding", "dropping"),
    ("climbing", "falling"), ("chasing", "ignoring"), ("driving", "repairing"), ("opening", "closing"),
)  # fmt: skip
NEGATIONS: tuple[tuple[str, str], ...] = (
    ("without any", "with"),
    ("without", "with"),
    ("with no", "with a"),
    ("with", "without"),
    ("wearing", "not wearing"),
    ("holding", "not holding"),
    ("is not", "is"),
    ("are not", "are"),
    ("is", "is not"),
    ("are", "are not"),
)
_IRREGULAR = {
    "man": "men", "woman": "women", "person": "people", "child": "children", "mouse": "mice", "foot": "feet",
    "goose": "geese", "tooth": "teeth", "sheep": "sheep", "fish": "fish", "knife": "knives", "wolf": "wolves",
    "leaf": "leaves", "shelf": "shelves", "rhinoceros": "rhinoceroses", "cactus": "cacti",
    "tomato": "tomatoes", "potato": "potatoes", "bread": "breads",
}  # fmt: skip


def plural(noun: str) -> str:
    """More than one of it; of several words the last is changed.

    >>> [plural(noun) for noun in ("cat", "bus", "baby", "man", "traffic light")]
    ['cats', 'buses', 'babies', 'men', 'traffic lights']
    """
    head, space, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        return f"{head}{space}{_IRREGULAR[last]}"
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if last.endswith("y") and last[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"
