"""What a number is measured in: two numbers are thrown together only when this agrees, or somebody says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The scale of a column of scores.

    Attributes:
        label: what the numbers are called, the criterion's key at first; tells scales apart that state nothing else.
        unit: words such as `grey levels`, or empty.
        low, high: the range the rater declares, or None.
        higher_is_better: the direction.
    """

    label: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True

    @property
    def is_stated(self) -> bool:
        return bool(self.unit) or self.low is not None or self.high is not None

    def agrees_with(self, other: "Scale") -> bool:
        """Same unit and range; of scales that state neither, only the same column agrees with itself."""
        if not (self.is_stated and other.is_stated):
            return not self.is_stated and not other.is_stated and self.label == other.label
        return (self.unit, self.low, self.high) == (other.unit, other.low, other.high)

    def __str__(self) -> str:
        span = f"{_end(self.low)} to {_end(self.high)}" if self.low is not None or self.high is not None else ""
        words = [part for part in (span, self.unit) if part]
        return f"{self.label} ({', '.join(words) if words else 'no unit or range stated'})"


def _end(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def zero_to_one(label: str) -> Scale:
    """The scale of everything that was brought between 0 and 1; higher is better."""
    return Scale(label, low=0.0, high=1.0)
