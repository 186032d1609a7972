"""Orders that look drawn by lot and are the same on every machine. Plain code."""

import numpy as np
import numpy.typing as npt
import polars as pl


def seeded_order(identities: pl.Series, seed: int, *, salt: str = "") -> pl.Series:
    """A number for each identity that looks drawn by lot and is the same on every machine.

    Args:
        identities: hexadecimal digests of at least 16 characters.
        seed: 0 to 2**53 - 1.
        salt: parts independent draws with the same seed.

    Returns:
        uint64, the splitmix64 finaliser of the identity's first 64 bits mixed with seed and salt.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    start = int.from_bytes(salt.encode()[:8].ljust(8, b"\0"), "little")
    key = mix(mix(np.array([seed], dtype=np.uint64)) ^ np.uint64(start))
    numbers = identities.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()
    return pl.Series("order", mix(numbers ^ key), dtype=pl.UInt64)


def mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The splitmix64 finaliser of each number: a bijection of 64 bits after which neighbours look unrelated."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
