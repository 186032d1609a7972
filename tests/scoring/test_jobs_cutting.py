"""Cutting a job into parts and a part into runs."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.cutting import LARGEST_PART, SMALLEST_PART, Ask, Span, Speed, even_batch, part_size, runs, spans

BOTH = frozenset({"ocr", "technical"})


def ask(sample_id: int, prompt_id: int = 1, scorers: frozenset[str] = BOTH) -> Ask:
    return Ask(sample_id, prompt_id, scorers)


def always(size: int) -> Callable[[int], int]:
    return lambda _left: size


def test_spans_hold_the_stated_number_of_samples_and_count_opinions() -> None:
    asked = [ask(3), ask(5), ask(9, prompt_id=2, scorers=frozenset({"ocr"}))]

    assert list(spans(asked, always(2))) == [Span(3, 5, 4), Span(9, 9, 1)]


def test_spans_of_whole_prompts_never_part_a_prompt() -> None:
    asked = [ask(1, 7), ask(2, 7), ask(3, 7), ask(4, 8)]

    assert list(spans(asked, always(2), whole_prompts=True)) == [Span(7, 7, 6), Span(8, 8, 2)]


def test_spans_end_with_a_prompt_where_one_ends_soon() -> None:
    """Each prompt's text is then embedded by one process only."""
    asked = [ask(number, prompt_id=number // 4) for number in range(16)]

    assert [span.last for span in spans(asked, always(6))] == [7, 15]


def test_a_prompt_of_many_samples_is_parted_at_the_size_wanted() -> None:
    asked = [ask(number) for number in range(100)]

    assert [span.last for span in spans(asked, always(30))] == [29, 59, 99]


def test_the_size_is_asked_with_what_is_left() -> None:
    asked = [ask(number, prompt_id=number) for number in range(40)]

    assert [span.last for span in spans(asked, lambda left: left // 2 or 1)] == [19, 29, 34, 36, 37, 38, 39]


def test_nothing_asked_makes_no_span() -> None:
    assert list(spans([], always(10))) == []


def test_a_span_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 sample, not 0"):
        list(spans([ask(1)], always(0)))


@given(st.lists(st.integers(0, 300), unique=True), st.integers(1, 50))
def test_every_sample_is_in_exactly_one_span(ids: list[int], size: int) -> None:
    found = list(spans([ask(one) for one in sorted(ids)], always(size)))

    covered = [one for span in found for one in sorted(ids) if span.first <= one <= span.last]
    assert covered == sorted(ids)
    assert sum(span.opinions for span in found) == 2 * len(ids)


def test_samples_that_ask_alike_are_run_together_in_order() -> None:
    one = frozenset({"ocr"})

    found = runs([ask(4), ask(2, scorers=one), ask(6), ask(7, scorers=frozenset())])

    assert [(run.scorers, run.sample_ids) for run in found] == [(("ocr", "technical"), (4, 6)), (("ocr",), (2,))]


@pytest.mark.parametrize(
    ("left", "speed", "expected"),
    [
        (10, None, SMALLEST_PART),  # a handful is one part
        (160, None, 10),  # a small job is shared by sixteen workers
        (1_000_000, None, 48),  # nothing known: the first guess
        (240, Speed(16.0, 2), 60),  # two processes helped: a quarter at first
        (40, Speed(16.0, 2), 10),
        (30, Speed(16.0, 2), 8),  # at the end a second of one process
        (30, Speed(60.0, 2), 30),  # which is more where it is fast: the claim must be worth it
        (240, Speed(16.0, 8), 15),  # a sixteenth for eight
        (240, Speed(16.0, 1), 60),  # one helped last time, more may this time
        (1_000_000, Speed(5.0, 1), 100),  # 5 a second for 20 seconds
        (1_000_000, Speed(10.0, 2), 100),  # the same by two
        (1_000_000, Speed(5000.0, 1), LARGEST_PART),
        (1_000_000, Speed(0.01, 1), 1),  # two minutes each: one by one
        (6, Speed(0.5, 2), 2),  # two processes share six pictures of a slow model
    ],
)
def test_part_size(left: int, speed: Speed | None, expected: int) -> None:
    assert part_size(left, speed) == expected


@given(st.integers(1, 3000), st.floats(0.01, 1e4), st.integers(1, 64))
def test_no_part_is_larger_than_the_ones_before_it(samples: int, rate: float, processes: int) -> None:
    asked = [ask(number, prompt_id=number) for number in range(samples)]

    sizes = [span.opinions // 2 for span in spans(asked, lambda left: part_size(left, Speed(rate, processes)))]

    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == samples


@given(st.integers(1, 500), st.integers(1, 64))
def test_batches_are_as_few_as_can_be_and_nearly_equal(count: int, most: int) -> None:
    size = even_batch(count, most)

    assert size <= most
    assert -(-count // size) == -(-count // most)
    assert even_batch(count, size) == size, "no smaller one would do"
