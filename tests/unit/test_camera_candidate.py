"""A candidate version compared off the main path; agreement is counted answer by answer."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.agreement import Agreement
from edge_camera.answer import Answer
from edge_camera.candidate import Shadow, Share, agreed, overlap
from edge_camera.client import Reply, State
from edge_camera.frame import Frame, Stamp

Box = tuple[float, float, float, float]


def answer(label: str, box: Box | None, score: float = 0.9) -> Answer:
    return Answer(label=label, score=score, box=box)


def make_frame(seq: int = 0) -> Frame:
    stamp = Stamp(monotonic=0, wall=0, clock_synced=True)
    return Frame(camera="a", seq=seq, pixels=np.zeros((2, 2, 3), np.uint8), stamp=stamp, position_s=0)


@dataclass
class Asked:
    """Answers every frame with `reply`, once `go` is set."""

    reply: Reply
    go: threading.Event = field(default_factory=threading.Event)
    frames: list[int] = field(default_factory=list)
    began: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    def prepare(self) -> None:
        pass

    def ask(self, frame: Frame) -> Reply:
        self.frames.append(frame.seq)
        self.began.set()
        assert self.go.wait(10)
        return self.reply

    def close(self) -> None:
        self.closed = True


def ok(*answers: Answer) -> Reply:
    return Reply(state=State.OK, answers=answers, model_version="2", age_s=0.1, inference_s=0.02)


@given(share=st.floats(0, 1), count=st.integers(1, 400))
def test_a_share_is_kept_to_within_one_frame(share: float, count: int) -> None:
    picked = Share(share)
    assert abs(sum(picked.pick() for _ in range(count)) - share * count) <= 1


BOX: Box = (0, 0, 10, 10)
HALF: Box = (0, 0, 10, 5)
LESS: Box = (0, 0, 10, 4.9)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        pytest.param([answer("a", BOX)], [answer("a", BOX)], 1, id="same"),
        pytest.param([answer("a", BOX)], [answer("b", BOX)], 0, id="another-label"),
        pytest.param([answer("a", BOX)], [answer("a", HALF)], 1, id="half-overlaps"),
        pytest.param([answer("a", BOX)], [answer("a", LESS)], 0, id="less-does-not"),
        pytest.param([answer("a", BOX)] * 2, [answer("a", BOX)], 1, id="each-counts-once"),
        pytest.param([answer("a", None)], [answer("a", None)], 1, id="whole-frames"),
        pytest.param([answer("a", None)], [answer("a", BOX)], 0, id="a-frame-is-no-box"),
        pytest.param([], [answer("a", BOX)], 0, id="nothing-seen"),
    ],
)
def test_agreement(one: list[Answer], other: list[Answer], both: int) -> None:
    assert agreed(one, other) == agreed(other, one) == both


sides = st.floats(0, 100, allow_nan=False)
boxes = st.tuples(sides, sides, sides, sides)


@given(one=boxes, other=boxes)
def test_overlap_is_a_share_and_symmetric(one: Box, other: Box) -> None:
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert overlap(one, other) == pytest.approx(overlap(other, one))


def _shadow(candidate: Asked, share: float = 1.0) -> tuple[Shadow, Counter[Agreement], list[float]]:
    counts: Counter[Agreement] = Counter()
    took: list[float] = []
    shadow = Shadow(
        candidate=candidate, share=Share(share), count=lambda what, n: counts.update({what: n}), took=took.append
    )
    return shadow, counts, took


def test_a_shadow_compares_and_a_slow_one_is_skipped_not_waited_for() -> None:
    candidate = Asked(ok(answer("a", BOX), answer("c", BOX)))
    shadow, counts, took = _shadow(candidate)
    shadow.start()
    main = ok(answer("a", HALF), answer("b", BOX), answer("b", BOX))
    shadow.show(make_frame(0), main)
    assert candidate.began.wait(10)
    for seq in range(1, 4):  # the candidate hangs: only the newest waits
        shadow.show(make_frame(seq), main)
    assert counts == {Agreement.SKIPPED: 2}
    candidate.go.set()
    shadow.stop(10)
    assert candidate.frames == [0, 3] and candidate.closed and took == [0.02, 0.02]
    assert counts == {
        Agreement.SKIPPED: 2, Agreement.BOTH: 2, Agreement.MAIN_ONLY: 4, Agreement.CANDIDATE_ONLY: 2
    }  # fmt: skip


def test_what_the_main_version_did_not_answer_is_not_compared_and_failures_count() -> None:
    candidate = Asked(Reply(state=State.TIMEOUT, age_s=1.0))
    candidate.go.set()
    shadow, counts, took = _shadow(candidate)
    shadow.start()
    shadow.show(make_frame(), Reply(state=State.ERROR, age_s=0.1))
    shadow.show(make_frame(), ok())
    shadow.stop(10)
    assert counts == {Agreement.FAILED: 1} and took == []
