"""Cutting a job into parts and a part into runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.cutting import LARGEST_PART, SMALLEST_PART, Ask, Span, part_size, runs, spans

BOTH = frozenset({"ocr", "technical"})


def ask(sample_id: int, prompt_id: int = 1, scorers: frozenset[str] = BOTH) -> Ask:
    return Ask(sample_id, prompt_id, scorers)


def test_spans_hold_the_stated_number_of_samples_and_count_opinions() -> None:
    asked = [ask(3), ask(5), ask(9, scorers=frozenset({"ocr"}))]

    assert list(spans(asked, 2)) == [Span(3, 5, 4), Span(9, 9, 1)]


def test_spans_of_whole_prompts_never_part_a_prompt() -> None:
    asked = [ask(1, 7), ask(2, 7), ask(3, 7), ask(4, 8)]

    assert list(spans(asked, 2, whole_prompts=True)) == [Span(7, 7, 6), Span(8, 8, 2)]


def test_nothing_asked_makes_no_span() -> None:
    assert list(spans([], 10)) == []


def test_a_span_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 sample, not 0"):
        list(spans([ask(1)], 0))


@given(st.lists(st.integers(0, 300), unique=True), st.integers(1, 50))
def test_every_sample_is_in_exactly_one_span(ids: list[int], size: int) -> None:
    found = list(spans([ask(one) for one in sorted(ids)], size))

    covered = [one for span in found for one in sorted(ids) if span.first <= one <= span.last]
    assert covered == sorted(ids)
    assert sum(span.opinions for span in found) == 2 * len(ids)


def test_samples_that_ask_alike_are_run_together_in_order() -> None:
    one = frozenset({"ocr"})

    found = runs([ask(4), ask(2, scorers=one), ask(6), ask(7, scorers=frozenset())])

    assert [(run.scorers, run.sample_ids) for run in found] == [(("ocr", "technical"), (4, 6)), (("ocr",), (2,))]


@pytest.mark.parametrize(
    ("samples", "rate", "expected"),
    [
        (10, None, SMALLEST_PART),  # a handful is one part
        (160, None, 10),  # a small job is shared by sixteen workers
        (1_000_000, None, 48),  # nothing known: the first guess
        (192, 17.0, 26),  # however small the job, a part is worth its claim: a second and a half
        (1_000_000, 5.0, 100),  # 5 a second for 20 seconds
        (1_000_000, 5000.0, LARGEST_PART),
        (1_000_000, 0.01, SMALLEST_PART),
    ],
)
def test_part_size(samples: int, rate: float | None, expected: int) -> None:
    assert part_size(samples, rate) == expected
