"""The sketch of recent predictions: it fades, it waits for enough, and it takes as much memory as at the start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_common.answers import MAX_CLASSES, OTHER
from edge_common.manifest import Reference
from edge_inference.drift import STEPS, Drift, Fading, Figures
from edge_inference.metrics import Recorder

HOUR = 3600.0
REFERENCE = Reference(
    predictions=1000, classes={"bolt": 800, "nut": 200}, score_edges=[0.5, 0.9], score_counts=[100, 400, 500]
)


class Hand:
    """A clock that a test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def _recorder(
    reference: Reference | None = REFERENCE, labels: tuple[str, ...] = ("bolt", "nut")
) -> tuple[Recorder, Hand]:
    clock = Hand()
    return Recorder(labels, Drift(labels, reference, half_life_s=HOUR, minimum=100, clock=clock)), clock


def _like_the_reference(times: int) -> Iterator[tuple[str, float]]:
    for _ in range(times):
        yield from [("bolt", 0.4)] * 1 + [("bolt", 0.7)] * 4 + [("bolt", 0.95)] * 3 + [("nut", 0.99)] * 2


def test_at_the_start_everything_is_0_and_nothing_is_told() -> None:
    figures = _recorder()[0].drifted()
    assert (figures.predictions, figures.reference) == (0, 1000)
    assert figures.shares == {"bolt": 0.0, "nut": 0.0}
    assert figures.reference_shares == {"bolt": 0.8, "nut": 0.2}
    assert (figures.score.psi, figures.score.wanted) == (figures.classes.psi, figures.classes.wanted) == (None, 100)


def test_the_same_answers_are_0_and_others_are_not() -> None:
    recorder, _ = _recorder()
    recorder.count_classes(_like_the_reference(20))
    figures = recorder.drifted()
    assert figures.predictions == 200 and figures.shares == figures.reference_shares
    assert figures.classes.psi == pytest.approx(0) and figures.score.psi == pytest.approx(0)
    assert figures.score.by_chance == pytest.approx(2 * (1 / 200 + 1 / 1000))
    recorder.count_classes([("nut", 0.1)] * 200)
    later = recorder.drifted()
    assert (later.classes.psi or 0) > 0.25 and (later.score.psi or 0) > 0.25


def test_an_edge_belongs_to_the_bin_below_as_when_it_was_recorded() -> None:
    recorder, _ = _recorder()
    recorder.count_classes([("bolt", 0.5), ("bolt", 0.9), ("bolt", 0.91)])
    assert recorder.drift.bins == [1, 1, 1]


@pytest.mark.parametrize("calls", [pytest.param(0, id="nobody asks meanwhile"), pytest.param(200, id="asked often")])
def test_after_a_half_life_it_weighs_half(calls: int) -> None:
    recorder, clock = _recorder()
    recorder.count_classes(_like_the_reference(100))
    for _ in range(calls):
        clock.now += HOUR / calls
        recorder.count_classes([])
        recorder.drifted()
    if not calls:
        clock.now += HOUR
    assert recorder.drifted().predictions == pytest.approx(500)


def test_what_is_new_outweighs_what_was_before() -> None:
    recorder, clock = _recorder()
    recorder.count_classes([("bolt", 0.7)] * 1000)
    clock.now += 3 * HOUR
    recorder.count_classes([("nut", 0.7)] * 125)
    figures = recorder.drifted()
    assert figures.predictions == pytest.approx(250) and figures.shares["nut"] == pytest.approx(0.5)
    # Long idle: too few are left to tell anything, and nothing is made of it.
    clock.now += 100 * HOUR
    assert recorder.drifted().classes.psi is None


@given(st.lists(st.tuples(st.floats(0, 2 * HOUR), st.integers(0, 50)), min_size=1, max_size=40))
def test_the_weight_is_that_of_each_prediction_within_one_step(events: list[tuple[float, int]]) -> None:
    recorder, clock = _recorder()
    exact = 0.0
    for pause, count in events:
        clock.now += pause
        exact = exact * 0.5 ** (pause / HOUR) + count
        recorder.count_classes([("bolt", 0.7)] * count)
    # What is counted between two steps fades as of the earlier one.
    assert exact * 0.5 ** (1 / STEPS) - 1e-6 <= recorder.drifted().predictions <= exact + 1e-6


@pytest.mark.parametrize(
    ("reference", "minimum"),
    [
        pytest.param(Reference(predictions=39, classes={"bolt": 39}), 1, id="a reference of too few"),
        pytest.param(None, 1, id="no reference"),
    ],
)
def test_without_enough_to_compare_with_nothing_is_told(reference: Reference | None, minimum: int) -> None:
    drift = Drift(("bolt", "nut"), reference, minimum=minimum)
    recorder = Recorder(("bolt", "nut"), drift)
    recorder.count_classes(_like_the_reference(1000))
    figures = recorder.drifted()
    assert (figures.classes.psi, figures.score.psi) == (None, None)
    assert (figures.classes.wanted, figures.score.wanted) == (None, None)
    assert figures.predictions == pytest.approx(10_000, rel=1e-3) and figures.shares["nut"] == pytest.approx(0.2)


def test_many_classes_want_more_than_the_minimum() -> None:
    labels = tuple(f"class-{i}" for i in range(100))
    recorder, _ = _recorder(Reference(predictions=10_000, classes=dict.fromkeys(labels, 100)), labels)
    assert recorder.drifted().classes.wanted == 40 * 99


def _of_many_labels() -> tuple[Figures, list[str]]:
    labels = tuple(f"class-{i}" for i in range(MAX_CLASSES + 50))
    reference = Reference(predictions=10_000, classes=dict.fromkeys(labels[:MAX_CLASSES], 90))
    recorder, _ = _recorder(reference, labels)
    recorder.count_classes((label, 0.5) for label in labels)
    return recorder.drifted(), list(labels)


def test_labels_past_the_bound_share_one_share() -> None:
    figures, labels = _of_many_labels()
    assert list(figures.shares) == [*labels[:MAX_CLASSES], OTHER]
    assert figures.shares[OTHER] == pytest.approx(50 / 150)
    assert figures.reference_shares[OTHER] == pytest.approx(0.1)


def test_scores_without_labels_are_compared_too() -> None:
    reference = Reference(predictions=400, score_edges=[-1.0, 1.0], score_counts=[100, 200, 100])
    recorder, _ = _recorder(reference, ())
    assert recorder.counts_predictions and not _recorder(None, ())[0].counts_predictions
    recorder.count_classes([("", -2.0), ("3", 0.0), ("", float("nan")), ("", float("inf")), ("", None)] * 100)
    assert recorder.drift.bins == [100, 100, 0]
    figures = recorder.drifted()
    assert figures.predictions == 200 and (figures.score.psi or 0) > 0.25 and figures.shares == {}
    assert recorder.class_counts == {}


def test_a_label_that_is_none_counts_nowhere() -> None:
    recorder, _ = _recorder()
    recorder.count_classes([("washer", 0.7)] * 5)
    assert recorder.drifted().predictions == 0 and recorder.drift.bins == [0, 0, 0]


def _numbers(recorder: Recorder) -> int:
    """Numbers that the sketch holds, in whatever it holds."""
    drift, count = recorder.drift, 0
    for value in [*vars(drift).values(), recorder.class_counts]:
        parts = [getattr(value, name) for name in Fading.__slots__] if isinstance(value, Fading) else [value]
        count += sum(len(part) if isinstance(part, list | dict) else 1 for part in parts)
    return count


def test_memory_is_that_of_the_start_after_a_hundred_thousand_predictions() -> None:
    recorder, clock = _recorder()
    before = _numbers(recorder)
    for _ in range(1000):
        clock.now += 60
        recorder.count_classes(_like_the_reference(10))
    assert sum(recorder.class_counts.values()) == 100_000
    assert _numbers(recorder) == before < 50
