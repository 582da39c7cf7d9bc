"""A candidate version that is given a share of the frames: its answers count, and without it no frame is lost."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from edge_camera.answer import Answer
from edge_camera.candidate import Share
from edge_camera.client import Reply, State
from edge_camera.frame import Frame, Stamp
from edge_camera.metrics import Fallback
from edge_camera.split import REST_FIRST_S, REST_LONGEST_S, Split
from spool_support import FakeClock

LOST = [State.ERROR, State.REJECTED, State.TIMEOUT]


def ok(label: str) -> Reply:
    return Reply(state=State.OK, answers=(Answer(label=label, score=0.9, box=None),), age_s=0.1)


def failed(state: State) -> Reply:
    return Reply(state=state, age_s=0.1, detail="why")


@dataclass
class Model:
    """Answers every frame with `reply`."""

    reply: Reply
    frames: list[int] = field(default_factory=list)
    closed: bool = False

    def prepare(self) -> None:
        pass

    def ask(self, frame: Frame) -> Reply:
        self.frames.append(frame.seq)
        return self.reply

    def close(self) -> None:
        self.closed = True


class Bench:
    """A split between two models, a clock that stands still, and what was counted."""

    def __init__(self, candidate: Reply, share: float = 1.0, main: Reply | None = None) -> None:
        self.main, self.candidate = Model(main or ok("m")), Model(candidate)
        self.clock, self.counts = FakeClock(), Counter[Fallback]()
        self.split = Split(
            main=self.main,
            candidate=self.candidate,
            share=Share(share),
            clock=self.clock,
            count=lambda why: self.counts.update([why]),
        )

    def ask(self, seq: int = 0) -> Reply:
        stamp = Stamp(monotonic=0, wall=0, clock_synced=True)
        return self.split.ask(
            Frame(camera="a", seq=seq, pixels=np.zeros((2, 2, 3), np.uint8), stamp=stamp, position_s=0)
        )


def test_the_candidate_gets_its_share_and_the_answers_say_so() -> None:
    bench = Bench(ok("c"), share=0.25)
    assert [bench.ask(seq).track for seq in range(8)] == (["main"] * 3 + ["candidate"]) * 2
    assert bench.candidate.frames == [3, 7] and bench.counts == {}
    bench.split.close()
    assert bench.main.closed and bench.candidate.closed


@pytest.mark.parametrize("state", LOST)
def test_a_frame_that_the_candidate_does_not_answer_goes_to_the_main_version(state: State) -> None:
    bench = Bench(failed(state))
    reply = bench.ask()
    assert (reply.state, reply.track, reply.answers) == (State.OK, "main", ok("m").answers)
    assert bench.counts == {Fallback.FAILED: 1}


def test_a_candidate_that_is_down_is_asked_ever_more_seldom_and_within_ten_seconds_again() -> None:
    bench = Bench(failed(State.ERROR))
    asked = []
    for tick in range(600):  # a minute at ten frames a second
        bench.clock.now = tick / 10
        assert bench.ask(tick).state is State.OK
        asked = [seq / 10 for seq in bench.candidate.frames]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[0] == pytest.approx(REST_FIRST_S, abs=0.11)
    assert pauses[-1] == pytest.approx(REST_LONGEST_S, abs=0.11) and max(pauses) <= REST_LONGEST_S + 0.11
    assert bench.counts == {Fallback.FAILED: len(asked), Fallback.RESTING: 600 - len(asked)}


def test_a_candidate_that_is_back_has_its_share_again_and_forgets_its_failures() -> None:
    bench = Bench(failed(State.ERROR))
    bench.ask()
    bench.candidate.reply = ok("c")
    assert bench.ask().track == "main", "it rests"
    bench.clock.now += REST_FIRST_S
    assert [bench.ask().track for _ in range(3)] == ["candidate"] * 3
    bench.candidate.reply = failed(State.ERROR)
    bench.ask()
    bench.clock.now += REST_FIRST_S
    bench.candidate.reply = ok("c")
    assert bench.ask().track == "candidate"


def test_a_frame_too_old_to_be_sent_is_no_fault_of_the_candidate() -> None:
    bench = Bench(failed(State.STALE))
    assert bench.ask().state is State.STALE
    bench.candidate.reply = ok("c")
    assert bench.ask().track == "candidate" and bench.main.frames == [] and bench.counts == {}


def test_a_candidate_that_took_all_the_time_is_what_became_of_the_frame() -> None:
    bench = Bench(failed(State.TIMEOUT), main=failed(State.STALE))
    reply = bench.ask()
    assert (reply.state, reply.track, bench.counts) == (State.TIMEOUT, "candidate", {})
    bench.main.reply = ok("m")
    assert bench.ask().state is State.OK and bench.counts == {Fallback.RESTING: 1}


def test_the_log_tells_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(failed(State.ERROR))
    for _ in range(5):
        bench.ask()
        bench.clock.now += REST_LONGEST_S
    bench.candidate.reply = ok("c")
    for _ in range(5):
        bench.ask()
    assert [record.getMessage() for record in caplog.records] == [
        "the candidate is error: why; its frames go to the main version",
        "the candidate answers again",
    ]
