"""Digests by which a prompt or a sample is recognised again, wherever it was imported from. Plain code."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def prompt_identity(text: str, turns: Sequence[Mapping[str, Any]] | None, media: Mapping[str, Sequence[str]]) -> str:
    """Identity of a prompt: its text, its turns, and the media of each role in order.

    Args:
        text: what was asked, as given.
        turns: the conversation, or None.
        media: role to the SHA-256 of its files, or their names where a file is absent.
    """
    roles = {role: list(names) for role, names in media.items() if names}
    return digest({"text": text, "turns": list(turns) if turns else None, "media": roles})


def sample_identity(
    prompt: str, generator: Mapping[str, Any], seed: int | None, media: Iterable[str], text: str | None
) -> str:
    """Identity of a sample: its prompt, generator, seed and content.

    Args:
        prompt: identity of the prompt.
        generator: name, revision, kind and digest of the settings.
        seed: the seed it was drawn with, if known.
        media: SHA-256 of its files in order, or their names where a file is absent.
        text: its text answer, if any.
    """
    return digest({"prompt": prompt, "generator": generator, "seed": seed, "media": list(media), "text": text})


def fitted_on(prompts: Iterable[int]) -> dict[str, Any]:
    """What a machine was chosen by, as its identity states it in the words of a fitted head: prompts by id, a digest.

    Whose votes were looked at is not kept one by one: another person's vote on such a prompt has the same answer.
    """
    said: dict[str, Any] = {"judgements": [], "prompts": sorted({int(prompt) for prompt in prompts})}
    return {**said, "digest": digest(said)}


def rater_identity(kind: str, name: str, identity: Mapping[str, Any]) -> str:
    """Identity of a machine as a rater: what it is called, and everything its numbers depend on.

    Args:
        kind: `model`, `rule`, `head` or `ensemble`.
        identity: JSON values.
    """
    return digest({"kind": kind, "name": name, "identity": identity})
