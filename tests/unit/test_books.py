"""The helper that every integration test leans on: it does find books that do not close, and events that lie."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from books import assert_books_close, assert_summaries_close, assert_valid, audited, events_of
from edge_camera.alerts import Fired
from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.events import EventMaker
from edge_camera.frame import Frame, Stamp
from edge_camera.metrics import Cause, Metrics
from edge_camera.record import Record
from edge_camera.summary import Window


class Bench:
    """One camera's books, written by hand."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.record = Record("dock-3", Metrics(self.registry, ["dock-3", "dock-4"], []))
        self.window = Window(self.record, 0.0)
        self.maker = EventMaker("gw-1", "dock-3", "m")

    def frame(self) -> Frame:
        stamp = Stamp(monotonic=1.0, wall=1_700_000_000.0, clock_synced=True)
        return Frame(camera="dock-3", seq=0, pixels=np.zeros((4, 4, 3), np.uint8), stamp=stamp, position_s=0.0)

    def answered(self, count: int) -> None:
        for _ in range(count):
            self.record.captured(self.frame(), replaced=False)
            self.record.sent()
            self.record.answered(0.02, 0.01, 1.0)
            self.window.add(Reply(state=State.OK, model_version="1.0.0", age_s=0.02))

    def metrics(self) -> str:
        return generate_latest(self.registry).decode()

    def summary(self) -> dict[str, Any]:
        state = self.window.state
        event = self.maker.summary(1_700_000_000.0, True, state, self.window.close(1.0))
        (read,) = events_of([event.line()])
        return read


def test_good_books_close() -> None:
    bench = Bench()
    bench.answered(3)
    bench.record.captured(bench.frame(), replaced=True)
    bench.record.lost(Cause.DECODE)
    assert_books_close(bench.metrics())
    assert_summaries_close([bench.summary()])


def test_a_frame_that_is_nowhere_is_found() -> None:
    bench = Bench()
    bench.answered(3)
    bench.record.captured(bench.frame(), replaced=False)
    with pytest.raises(AssertionError, match="dock-3: captured, but neither"):
        assert_books_close(bench.metrics())
    with pytest.raises(AssertionError, match="dock-3: captured, but neither"):
        assert_summaries_close([bench.summary()])


def test_a_question_without_an_end_is_found() -> None:
    bench = Bench()
    bench.answered(3)
    bench.record.captured(bench.frame(), replaced=False)
    bench.record.sent()
    with pytest.raises(AssertionError, match="dock-3: sent, but neither"):
        assert_books_close(bench.metrics())


def test_what_is_counted_while_a_summary_is_made_is_in_the_next() -> None:
    """The reader counts in a thread of its own: nothing may fall between two windows."""
    bench = Bench()
    bench.answered(1)
    totals, late = bench.record.totals, [True]

    class Busy(Record):
        __slots__ = ()

        def totals(self) -> Any:
            found = totals()
            if late:
                late.clear()
                bench.answered(1)
            return found

    bench.window._record = Busy("dock-4", bench.record.metrics)
    first, second = bench.summary(), bench.summary()
    assert (first["summary"]["captured"], second["summary"]["captured"]) == (1, 1)


def test_a_window_without_a_question_is_not_ok_whatever_was_before_and_one_that_says_so_is_found() -> None:
    bench = Bench()
    bench.answered(1)
    first, second = bench.summary(), bench.summary()
    assert (first["state"], second["state"]) == ("ok", "no_frame")
    with pytest.raises(AssertionError, match="ok without a question"):
        assert_valid({**second, "state": "ok"})


def test_ok_without_a_model_that_answered_is_found() -> None:
    bench = Bench()
    person = Answer(label="person", score=0.9, box=(1.0, 1.0, 2.0, 2.0))
    reply = Reply(state=State.OK, answers=(person,), model_version="1.0.0", age_s=0.5)
    fired = Fired(rule="night", label="person", score=0.9, since=1_700_000_000.0)
    told = [bench.maker.detection(bench.frame(), reply), bench.maker.alert(bench.frame(), reply, fired)]
    for event in events_of([each.line() for each in told]):
        with pytest.raises((AssertionError, jsonschema.ValidationError)):
            assert_valid({**event, "model_version": None})
    with pytest.raises((AssertionError, jsonschema.ValidationError)):
        assert_valid({**event, "answers": []})
    with pytest.raises(AssertionError, match="an alert about nothing seen"):
        assert_valid({**event, "answers": [{**event["answers"][0], "label": "parcel"}]})


def test_a_failure_that_says_what_was_seen_is_found() -> None:
    bench = Bench()
    reply = Reply(state=State.TIMEOUT, age_s=0.5)
    (event,) = events_of([bench.maker.detection(bench.frame(), reply).line()])
    assert_valid(event)
    with pytest.raises((AssertionError, jsonschema.ValidationError)):
        assert_valid({**event, "model_version": "1.0.0"})
    seen = bench.summary()
    seen["summary"]["answers"] = {"square": 1}
    with pytest.raises(AssertionError, match="seen without an answer"):
        assert_valid(seen)


def test_the_same_event_twice_is_found_unless_a_spool_may_bring_it() -> None:
    lines = [Bench().maker.detection(Bench().frame(), Reply(state=State.STALE, age_s=1.0)).line()] * 2
    with pytest.raises(AssertionError, match="came twice"):
        events_of(lines)
    assert len(events_of(lines, once=False)) == 1


_FAKE = """#!{python}
import json, pathlib, sys
report = sys.argv[sys.argv.index("--report") + 1]
books = dict(captured=2, replaced=0, motion=0, fps=0, sent={sent}, answered=2, lost=dict(error=0))
pathlib.Path(report).write_text(json.dumps(dict(cameras=dict(dock=books))))
"""


@pytest.mark.parametrize(("sent", "good"), [(2, True), (1, False)])
def test_every_edge_camera_that_a_test_starts_is_audited(tmp_path: Path, sent: int, good: bool) -> None:
    program, config = tmp_path / "edge-camera", tmp_path / "cameras.toml"
    program.write_text(_FAKE.format(python=sys.executable, sent=sent))
    program.chmod(0o755)
    config.write_text("")

    def run() -> None:
        with audited(tmp_path):
            subprocess.run([str(program), str(config)], check=True)

    if good:
        run()
        return
    with pytest.raises(AssertionError, match="dock: captured, but neither"):
        run()


def test_a_process_that_is_left_running_is_ended_and_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="left running"), audited(tmp_path):
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert left.returncode is not None
