"""A small world of evidence for tests: prompts, samples and what raters said, named by short words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import polars as pl
from PIL import Image

from curation.media.fingerprint import fingerprint
from curation.recipes import frames
from curation.recipes.frames import Evidence

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class World:
    """Collects rows; ids count from 1 in the order things are mentioned."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {name: [] for name in Evidence.__dataclass_fields__}
        self.ids: dict[tuple[str, str], int] = {}

    def id(self, noun: str, name: str) -> int:
        return self.ids.setdefault((noun, name), 1 + sum(1 for known, _ in self.ids if known == noun))

    def prompt(self, name: str, *samples: str, text: str | None = None, tags=(), media=None) -> World:
        prompt_id = self.id("prompt", name)
        self.rows["prompts"].append(
            {
                "prompt_id": prompt_id,
                "prompt_identity": sha(f"prompt {name}"),
                "prompt_text": text if text is not None else f"unlike {name} {sha(name)[:12]}",
                "prompt_tags": list(tags),
                "locale": "en",
            }
        )
        for role, name_of_file in (media or {}).items():
            self.rows["prompt_media"].append({"prompt_id": prompt_id, "role": role, "media_digest": sha(name_of_file)})
        for sample in samples:
            self.sample(sample, prompt=name)
        return self

    def sample(self, name: str, *, prompt: str, **facts) -> World:
        row = {
            "sample_id": self.id("sample", name),
            "prompt_id": self.id("prompt", prompt),
            "identity": sha(f"sample {name}"),
            "content": sha(f"content {name}"),
            "generator": "alpha",
            "kind": "generated",
            "round": 0,
            "media_state": "present",
            "tags": [],
        }
        self.rows["samples"].append({**row, **facts})
        return self

    def looks(self, sample: str, *pictures: Image.Image) -> World:
        """What the files of a sample look like."""
        for position, picture in enumerate(pictures):
            row = {"sample_id": self.id("sample", sample), "position": position}
            self.rows["fingerprints"].append({**row, "fingerprint": fingerprint([picture])})
        return self

    def fact(self, sample: str, **facts: float) -> World:
        self.rows["facts"].append({"sample_id": self.id("sample", sample), **facts})
        return self

    def scale(self, criterion: str, low: float | None, high: float | None, *, unit="", higher_is_better=True) -> World:
        row = {"criterion": criterion, "unit": unit, "low": low, "high": high}
        self.rows["scales"].append({**row, "higher_is_better": higher_is_better})
        return self

    def branch(self, child: str, parent: str, at: int | None = None) -> World:
        """Says that a sample came from another, where it left it."""
        own = next(row for row in self.rows["samples"] if row["sample_id"] == self.id("sample", child))
        row = {"sample_id": own["sample_id"], "prompt_id": own["prompt_id"]}
        self.rows["branches"].append({**row, "parent_id": self.id("sample", parent), "branch": at})
        return self

    def link(self, prompt: str, origin: str, relation: str = "rewrite") -> World:
        """Says that a prompt is something of another."""
        row = {"link_id": len(self.rows["prompt_links"]) + 1, "prompt_id": self.id("prompt", prompt)}
        self.rows["prompt_links"].append({**row, "origin_id": self.id("prompt", origin), "relation": relation})
        return self

    def flag(self, sample: str, flag: str) -> World:
        self.rows["flags"].append(
            {
                "judgement_id": 10_000 + len(self.rows["flags"]),
                "position": 0,
                "sample_id": self.id("sample", sample),
                "flag": flag,
            }
        )
        return self

    def rater(self, name: str, kind: str = "model", *, revision: str = "", quarantined_since=None) -> World:
        rater_id = self.id("rater", name + revision)
        row = {"rater_id": rater_id, "rater": name, "rater_kind": kind, "revision": revision}
        self.rows["raters"].append({**row, "quarantined_since": quarantined_since})
        return self

    def ensemble(self, name: str, *members: str) -> World:
        for member in members:
            self.rows["members"].append({"rater_id": self.id("rater", name), "member_id": self.id("rater", member)})
        return self

    def criterion(self, key: str, *, number: int = 1, meaning: int | None = None, higher_is_better=True) -> int:
        criterion_id = self.id("criterion", f"{key} {number}")
        row = {"criterion_id": criterion_id, "criterion": key, "number": number, "higher_is_better": higher_is_better}
        if not any(known["criterion_id"] == criterion_id for known in self.rows["criteria"]):
            self.rows["criteria"].append({**row, "meaning": meaning or criterion_id})
        return criterion_id

    def act(self, rater: str, **facts) -> int:
        kind = facts.pop("rater_kind", "person" if rater[0].isupper() else "model")
        if not any(row["rater"] == rater for row in self.rows["raters"]):
            self.rater(rater, kind, revision="" if kind == "person" else sha(rater))
        rater_id = next(row["rater_id"] for row in self.rows["raters"] if row["rater"] == rater)
        judgement_id = len(self.rows["judgements"]) + 1
        row = {"judgement_id": judgement_id, "rater_id": rater_id, "purpose": "label", "context": None}
        row["at"] = MONDAY + timedelta(minutes=judgement_id)
        self.rows["judgements"].append({**row, **facts})
        return judgement_id

    def scores(self, rater: str, criterion: str, retracted=False, under=None, number=1, better="high", **facts) -> int:
        """One forward pass: `values={"a1": 0.5}`, and facts about the act."""
        values = facts.pop("values")
        spreads = facts.pop("spreads", {})
        judgement_id = self.act(rater, **facts)
        criterion_id = self.criterion(criterion, number=number, higher_is_better=better == "high")
        owners = {row["sample_id"]: row["prompt_id"] for row in self.rows["samples"]}
        for position, (sample, value) in enumerate(values.items()):
            sample_id = self.id("sample", sample)
            row = {"judgement_id": judgement_id, "position": position, "criterion_id": criterion_id}
            row |= {"sample_id": sample_id, "value": float(value), "retracted": retracted}
            row["prompt_id"] = self.id("prompt", under) if under else owners[sample_id]
            self.rows["scores"].append(row)
            if sample in spreads:
                place = {"judgement_id": judgement_id, "position": position}
                self.rows["spreads"].append({**place, "spread": float(spreads[sample])})
        return judgement_id

    def vote(
        self, rater: str, left: str, right: str, outcome: str, *, criterion="overall", retracted=False, **facts
    ) -> int:
        judgement_id = self.act(rater, **facts)
        self._comparison(judgement_id, 0, left, right, outcome, criterion, retracted, implied=False)
        return judgement_id

    def ranking(self, rater: str, samples: list[str], ranks: list[int], *, criterion="overall", **facts) -> int:
        judgement_id = self.act(rater, **facts)
        position = 0
        for i in range(len(samples)):
            for j in range(i + 1, len(samples)):
                outcome = "tie" if ranks[i] == ranks[j] else "left" if ranks[i] < ranks[j] else "right"
                self._comparison(
                    judgement_id, position, samples[i], samples[j], outcome, criterion, False, implied=True
                )
                position += 1
        return judgement_id

    def _comparison(self, judgement_id, position, left, right, outcome, criterion, retracted, *, implied) -> None:
        owners = {row["sample_id"]: row["prompt_id"] for row in self.rows["samples"]}
        left_id, right_id = self.id("sample", left), self.id("sample", right)
        self.rows["comparisons"].append(
            {
                "judgement_id": judgement_id,
                "position": position,
                "criterion_id": self.criterion(criterion),
                "left_id": left_id,
                "right_id": right_id,
                "left_prompt_id": owners[left_id],
                "right_prompt_id": owners[right_id],
                "outcome": outcome,
                "is_implied": implied,
                "retracted": retracted,
            }
        )

    def derived(self, judgement_id: int, source_id: int) -> World:
        self.rows["links"].append({"judgement_id": judgement_id, "source_id": source_id})
        return self

    def assigned(self, prompt: str, split: str) -> World:
        self.rows["assigned"].append({"prompt_id": self.id("prompt", prompt), "split": split})
        return self

    def evidence(self) -> Evidence:
        schemas = {name: getattr(frames, name.upper()) for name in self.rows}
        return Evidence(**{name: pl.DataFrame(rows, schema=schemas[name]) for name, rows in self.rows.items()})

    def names(self, pairs: pl.DataFrame) -> set[tuple[str, str]]:
        """The pairs as (chosen, rejected) in the words of the test."""
        by_id = {number: name for (noun, name), number in self.ids.items() if noun == "sample"}
        return {(by_id[row["chosen_id"]], by_id[row["rejected_id"]]) for row in pairs.to_dicts()}


def shuffled(evidence: Evidence, seed: int) -> Evidence:
    frames_now = {name: getattr(evidence, name) for name in Evidence.__dataclass_fields__}
    return Evidence(**{name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in frames_now.items()})


def reasons(result, key: str) -> dict[str, int]:
    return next(step for step in result.funnel if step.key == key).reasons
