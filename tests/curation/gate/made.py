"""A version made by hand in which nothing is wrong, for tests that plant one fault and look for it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from curation.gate import tables
from curation.gate.examine import Examination, examine
from curation.gate.tables import Examined
from tests.curation.recipes.world import sha

# Unlike each other: no two prompts share more than a word.
NOUNS = [
    "cube",
    "harbour",
    "sheep",
    "sign",
    "hat",
    "fish",
    "mill",
    "lamp",
    "tower",
    "bridge",
    "orchard",
    "violin",
    "kettle",
    "glacier",
    "tram",
    "owl",
    "anvil",
    "fern",
]
VERBS = [
    "burning",
    "frozen",
    "singing",
    "broken",
    "golden",
    "tiny",
    "leaning",
    "flooded",
    "woven",
    "sleeping",
    "striped",
    "hollow",
]


def words(number: int) -> str:
    return f"{VERBS[number % 12]} {NOUNS[number % 18]} beside {NOUNS[(number // 18 + number + 7) % 18]} number{number}"


@dataclass
class Made:
    """Rows by table; a test changes them before `examined`. One prompt, two samples and one pair each, two raters."""

    tables: dict[str, list[dict[str, Any]]]
    facts: dict[str, Any] = field(default_factory=dict)
    pictures: dict[int, np.ndarray] = field(default_factory=dict)  # by rendition

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.tables[table]

    def pair(self, chosen: int, rejected: int, **fields: Any) -> dict[str, Any]:
        """One more pair of two samples, under the prompt of the chosen one."""
        prompt = self.sample(chosen)["prompt_id"]
        rows = self.rows("pairs")
        row = {
            "pair_id": sha(f"pair {chosen} {rejected} {len(rows)}"),
            "prompt_id": prompt,
            "chosen_id": chosen,
            "rejected_id": rejected,
            "chosen_prompt_id": prompt,
            "rejected_prompt_id": self.sample(rejected)["prompt_id"],
            "criterion": "overall",
            "margin": 0.5 + len(rows) / 100,
            "margin_unit": "score",
            "basis": "both",
            "chosen_score": 1.0 + len(rows) / 100,
            "rejected_score": 0.5,
            "split": "train" if prompt % 3 else "test",
            **fields,
        }
        rows.append(row)
        self.voices[row["pair_id"]] = [1, 2]
        return row

    voices: dict[str, list[int]] = field(default_factory=dict)
    shown: list[tuple[str, str, bool]] = field(default_factory=list)  # pair_id, kind of rater, chosen was left

    def sample(self, number: int) -> dict[str, Any]:
        return next(row for row in self.rows("samples") if row["sample_id"] == number)

    def prompt(self, number: int) -> dict[str, Any]:
        return next(row for row in self.rows("prompts") if row["prompt_id"] == number)

    def examined(self) -> Examined:
        pairs = _frame(self.rows("pairs"), tables.PAIRS).sort("pair_id")
        numbers = {pair_id: place for place, pair_id in enumerate(pairs["pair_id"])}
        voices = [{"pair": numbers[pair], "rater_id": one} for pair, raters in self.voices.items() for one in raters]
        shown = [{"pair": numbers[p], "by_person": k == "person", "chosen_was_left": left} for p, k, left in self.shown]
        frames = {
            name: _frame(rows, getattr(tables, name.upper()))
            for name, rows in self.tables.items()
            if rows and name != "samples"
        }
        details = _frame(self.rows("samples"), tables.DETAILS).sort("sample_id")
        frames["samples"] = tables.slim(details)
        return Examined(
            version="made@1",
            **{
                "licence": "cc-by-4.0",
                "fingerprints": lambda ids: {pk: b"\x01" + self.pictures[pk].tobytes() for pk in ids},
                "details": lambda: details.iter_slices(7),
                **frames,
                "pairs": pairs,
                "voices": _frame(voices, tables.VOICES),
                "shown": _frame(shown, tables.SHOWN),
                **self.facts,
            },
        )

    def examination(self) -> Examination:
        return examine(self.examined())

    def found(self) -> dict[str, int]:
        """Code and count of everything found."""
        return {finding.code: finding.count for finding in self.examination().report.findings}

    def rows_of(self, code: str) -> pl.DataFrame:
        return self.examination().rows.filter(pl.col("code") == code)


def _frame(rows: list[dict[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def made(prompts: int = 30, *, text: bool = True) -> Made:
    """Samples 10, 11 of prompt 1, samples 20, 21 of prompt 2 and so on; the even one is chosen."""
    draw = random.Random(5)
    world = Made(
        {
            "pairs": [],
            "places": [],
            "samples": [],
            "prompts": [],
            "prompt_media": [],
            "generators": [_generator(1, "painter", "north"), _generator(2, "sketcher", "south")],
            "raters": [_rater(1, "person", ""), _rater(2, "model", "west")],
            "flags": [],
            "looks": [],
            "dead": [],
            "absent": [],
            "leaked": [],
            "notes": [],
        }
    )
    for number in range(1, prompts + 1):
        world.rows("prompts").append(
            {
                "prompt_id": number,
                "prompt_identity": sha(f"prompt {number}"),
                "prompt_text": words(number),
                "licence": "cc0",
                "key": f"p{number}",
                "tags": ["drawn"],
                "facts": "{}",
            }
        )
        for place in (0, 1):
            _add_sample(world, number, place, draw, text=text)
        pair = world.pair(number * 10, number * 10 + 1)
        world.shown += [(pair["pair_id"], "person", number % 2 == 0), (pair["pair_id"], "model", number % 2 == 1)]
    return world


def _add_sample(world: Made, number: int, place: int, draw: random.Random, *, text: bool) -> None:
    pk = number * 10 + place
    answer = f"answer {pk} " + "so " * draw.randint(20, 40) if text else None
    world.rows("samples").append(
        {
            "sample_id": pk,
            "prompt_id": number,
            "identity": sha(f"sample {pk}"),
            "content": sha(f"content {pk}"),
            "media_state": "none" if text else "present",
            "text": answer,
            "licence": "cc0",
            "generator_id": 1 + place,
            "key": f"s{pk}",
            "tags": [],
            "settings": '{"steps": 20}',
        }
    )
    world.rows("places").append({"sample_id": pk, "prompt_id": number, "split": "train" if number % 3 else "test"})
    if not text:
        hang(world, pk, picture(pk))


def picture(seed: int, level: float = 0.0) -> np.ndarray:
    """A miniature of 64 x 64 grey levels, smooth as pictures are; `level` makes it brighter."""
    rough = np.random.default_rng(seed).uniform(60, 180, (8, 8))
    return np.clip(np.kron(rough, np.ones((8, 8))) + level, 0, 255).astype(np.uint8)


def hang(world: Made, sample: int, miniature: np.ndarray, place: int = 0) -> None:
    """Gives a sample a picture in place of the one it had there."""
    looks = world.rows("looks")
    looks[:] = [row for row in looks if (row["sample_id"], row["place"]) != (sample, place)]
    rendition = sample * 10 + place
    world.pictures[rendition] = miniature
    coarse = np.rint(miniature.reshape(8, 8, 8, 8).mean((1, 3))).astype(np.uint8).tobytes()
    looks.append(
        {
            "sample_id": sample,
            "place": place,
            "rendition_id": rendition,
            "brightness": float(miniature.mean() / 255),
            "coarse": coarse,
        }
    )


def _generator(pk: int, name: str, family: str) -> dict[str, Any]:
    return {"generator_id": pk, "name": name, "family": family, "settings": "{}"}


def _rater(pk: int, kind: str, family: str) -> dict[str, Any]:
    return {"rater_id": pk, "rater_kind": kind, "family": family, "name": f"{kind}-{pk}"}


def with_facts(world: Made, **facts: Any) -> Made:
    return replace(world, facts={**world.facts, **facts})
