"""The tracker: a parcel is one id from its first frame to its last, on the real clip's truth and in odd cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.answer import Answer
from edge_camera.tracker import MAX_TRACKS, Tracker, iou

TRUTH = Path(__file__).parents[2] / "models" / "belt-detector" / "belt.truth.jsonl"
FPS, WIDTH, PIXELS_PER_FRAME = 10, 640, 14.0

Box = tuple[float, float, float, float]
Frames = list[list[Answer]]


def _answer(box: Box | None, label: str = "7", score: float = 0.9) -> Answer:
    return Answer(label=label, score=score, box=box)


@pytest.fixture(scope="module")
def clip() -> Frames:
    """The truth as a perfect detector would answer: what counts (70 % visible) and nothing else."""
    lines = [json.loads(line)["objects"] for line in TRUTH.read_text(encoding="utf-8").splitlines()]
    return [[_answer(tuple(o["box"]), o["label"]) for o in objects if not o["ignore"]] for objects in lines]


def _parcel(seq: int, answer: Answer) -> tuple[str, int] | None:
    """Which parcel it is, by where its middle was at frame 0; None while the picture's edge cuts it."""
    assert answer.box is not None
    left, _, right, _ = answer.box
    if left <= 0 or right >= WIDTH:
        return None
    return answer.label, round((left + right) / 2 - PIXELS_PER_FRAME * seq)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_parcel_of_the_clip_is_one_id(clip: Frames, step: int) -> None:
    tracker = Tracker(max_age_s=max(1.0, 3 * step / FPS))
    ids: dict[tuple[str, int], set[str]] = {}
    all_ids = set()
    for seq in range(0, len(clip), step):
        for answer, given_id in zip(clip[seq], tracker.update(clip[seq], seq / FPS), strict=True):
            assert given_id is not None
            all_ids.add(given_id)
            parcel = _parcel(seq, answer)
            if parcel is not None:
                ids.setdefault(parcel, set()).add(given_id)
    assert len(ids) == 17
    assert all(len(each) == 1 for each in ids.values())
    assert len(set.union(*ids.values())) == 17
    assert all_ids == {str(number) for number in range(1, 18)}


def test_a_flickering_digit_keeps_its_id() -> None:
    tracker = Tracker()
    labels = ["8", "3", "8", "8", "9", "8"]
    ids = [tracker.update([_answer((0, 0, 50, 50), label)], i / FPS) for i, label in enumerate(labels)]
    assert ids == [["1"]] * 6


def test_a_thing_missed_for_a_moment_keeps_its_id_and_one_gone_for_long_does_not() -> None:
    tracker, box = Tracker(max_age_s=1.0), (10.0, 10.0, 60.0, 60.0)
    assert tracker.update([_answer(box)], 0.0) == ["1"]
    assert tracker.update([], 0.5) == []
    assert tracker.update([_answer(box)], 1.0) == ["1"]
    assert tracker.update([_answer(box)], 2.1) == ["2"]


def test_a_still_picture_ends_nothing() -> None:
    tracker, box = Tracker(max_age_s=1.0), (10.0, 10.0, 60.0, 60.0)
    tracker.update([_answer(box)], 0.0)
    for tenth in range(100):
        tracker.still(tenth / 10)
    assert tracker.update([_answer(box)], 10.0) == ["1"]


def test_a_still_picture_keeps_nothing_that_was_gone_before_it() -> None:
    tracker, box = Tracker(max_age_s=1.0), (10.0, 10.0, 60.0, 60.0)
    tracker.update([_answer(box)], 0.0)
    tracker.update([], 0.5)
    tracker.still(0.9)
    tracker.still(1.3)
    assert tracker.update([_answer(box)], 1.4) == ["2"]


def test_one_that_left_does_not_take_the_next_in_its_place() -> None:
    tracker = Tracker(max_age_s=1.0)
    tracker.update([_answer((100, 0, 200, 100)), _answer((20, 0, 120, 100))], 0.0)
    assert tracker.update([_answer((60, 0, 160, 100))], 0.3) == ["1"]
    # Right where "2" was last, and yet it is "1" that a frame ago was near.
    assert tracker.update([_answer((20, 0, 120, 100))], 0.6) == ["1"]


def test_the_best_overlap_is_taken_first() -> None:
    tracker = Tracker()
    tracker.update([_answer((0, 0, 100, 100)), _answer((60, 0, 160, 100))], 0.0)
    moved = tracker.update([_answer((50, 0, 150, 100)), _answer((0, 0, 90, 100))], 0.1)
    assert moved == ["2", "1"]


def test_two_answers_on_one_thing_are_two_ids() -> None:
    tracker = Tracker()
    tracker.update([_answer((0, 0, 100, 100))], 0.0)
    assert tracker.update([_answer((0, 0, 100, 90)), _answer((0, 0, 100, 100))], 0.1) == ["2", "1"]


def test_an_answer_about_the_whole_frame_has_no_id() -> None:
    assert Tracker().update([_answer(None), _answer((0, 0, 9, 9))], 0.0) == [None, "1"]


def test_a_broken_model_fills_no_memory() -> None:
    """200 new things a frame: of the newest as many are followed as there may be, the others are forgotten."""
    tracker, frames = Tracker(max_age_s=1e9), 20
    boxes = [(index * 100.0, 0.0, index * 100.0 + 10, 10.0) for index in range(frames * 200)]
    first = [
        name
        for index in range(frames)
        for name in tracker.update([_answer(box) for box in boxes[index * 200 :][:200]], index / FPS)
    ]
    again = tracker.update([_answer(box) for box in boxes], frames / FPS)
    assert [name in first for name in again].count(True) == MAX_TRACKS
    assert again[-400:] == first[-400:], "the last two frames are within the bound"


_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
_ANY_BOX = st.none() | st.tuples(_NUMBER, _NUMBER, _NUMBER, _NUMBER)
_PIXEL = st.integers(0, 60).map(float)
_BOX = st.tuples(_PIXEL, _PIXEL, _PIXEL, _PIXEL)


@given(frames=st.lists(st.lists(st.one_of(_ANY_BOX, _BOX), max_size=6), max_size=12), gap=st.floats(0, 2))
def test_ids_are_unique_and_rise_whatever_the_boxes(frames: list[list[Box | None]], gap: float) -> None:
    tracker, most = Tracker(), 0
    for index, boxes in enumerate(frames):
        given_ids = tracker.update([_answer(box) for box in boxes], index * gap)
        assert [name is None for name in given_ids] == [box is None for box in boxes]
        ids = [int(each) for each in given_ids if each is not None]
        assert len(ids) == len(set(ids))
        new = [each for each in ids if each > most]
        assert new == list(range(most + 1, most + len(new) + 1))
        most += len(new)


@given(one=_BOX, other=_BOX)
def test_overlap_is_symmetric_between_0_and_1_and_1_with_itself(one: Box, other: Box) -> None:
    a, b = np.array([one]), np.array([other])
    assert iou(a, b)[0, 0] == iou(b, a)[0, 0]
    assert 0.0 <= iou(a, b)[0, 0] <= 1.0
    real = one[2] > one[0] and one[3] > one[1]
    assert iou(a, a)[0, 0] == (1.0 if real else 0.0)


def test_overlap_of_a_half() -> None:
    assert iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0.0, 0.0, 2.0, 1.0]]))[0, 0] == 0.5
