"""edge-camera replay: what was spooled comes out as it went in, and what was asked for only."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edge_camera.config import Sinks
from edge_camera.events import Event
from edge_camera.main import main
from edge_camera.sinks.base import Sink
from edge_camera.spool.outbox import Undeliverable, Unfinished
from edge_camera.tools.parser import moment
from edge_camera.tools.replay import KINDS
from edge_camera.tools.send import Sender, read_sinks, send
from edge_common.errors import StartError
from spool_support import Bench
from tools_support import SCHEMA, event, spooled

EVENTS = [
    event(0, kind="state"),
    event(1, camera="dock-4"),
    event(2),
    event(3, camera="dock-4", kind="alert"),
    event(4, kind="summary"),
    event(5, state="timeout", model_version=None),
]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    bench = Bench(tmp_path / "spool")
    assert bench.spool.append_many(spooled(EVENTS))
    bench.spool.close()
    return bench.root


def _replay(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str | Path) -> list[bytes]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *map(str, arguments)], {})
    assert ended.value.code == 0
    return capfdbinary.readouterr().out.splitlines()


def _is(*places: int) -> list[bytes]:
    return [EVENTS[place].line() for place in places]


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        pytest.param([], [0, 1, 2, 3, 4, 5], id="all"),
        pytest.param(["--camera", "dock-4"], [1, 3], id="camera"),
        pytest.param(["--kind", "detection"], [1, 2, 5], id="kind"),
        pytest.param(["--priority", "high"], [0, 3], id="priority"),
        pytest.param(["--since", "2026-11-20T21:30:02Z"], [2, 3, 4, 5], id="since-counts"),
        pytest.param(["--until", "2026-11-20T22:30:02+01:00"], [0, 1], id="until-does-not"),
        pytest.param(["--since", "2026-11-20T21:30:01", "--limit", "2"], [1, 2], id="utc-and-limit"),
        pytest.param(["--camera", "dock-4", "--kind", "alert"], [3], id="both"),
        pytest.param(["--camera", "none"], [], id="none"),
    ],
)
def test_what_was_asked_for_byte_for_byte(
    spool: Path, capfdbinary: pytest.CaptureFixture[bytes], arguments: list[str], places: list[int]
) -> None:
    assert _replay(capfdbinary, spool, *arguments) == _is(*places)


def test_the_kinds_are_those_of_the_schema() -> None:
    assert list(KINDS) == ["detection", "summary", "state", "alert"] == SCHEMA["properties"]["kind"]["enum"]


def test_what_is_no_event_is_left_out_and_told(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    bench = Bench(tmp_path)
    no_events = [b"not json", b"{}", b'\xff{"camera": 1}', b'{"camera": "a", "kind": "state", "captured_at": "x"}']
    bench.spool.append_many([(EVENTS[0].line(), "high"), *((one, "low") for one in no_events)])
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(tmp_path)], {})
    told = capfdbinary.readouterr()
    assert (ended.value.code, told.out.splitlines()) == (0, _is(0))
    assert b"4 entries are no events" in told.err
    bench.spool.close()


@pytest.mark.parametrize(("text", "ago"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("3d", 259_200)])
def test_a_time_ago(text: str, ago: int) -> None:
    before = datetime.now(UTC) - timedelta(seconds=ago)
    assert timedelta() <= moment(text) - before < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["", "yesterday", "5w", "999999d", "2026-13-01", "-3h", "25:00"])
def test_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"want a time .* found"):
        moment(text)


class FakeSink:
    """Takes events, and fails as it is told: each entry is raised once, None is a success."""

    max_batch = 4

    def __init__(self, *faults: OSError | None, name: str = "fake") -> None:
        self.name = name
        self.faults = list(faults)
        self.got: list[bytes] = []

    def send(self, line: bytes) -> None:
        self.send_many([line])

    def send_many(self, lines: list[bytes]) -> None:
        fault = self.faults.pop(0) if self.faults else None
        done = len(lines) if fault is None else getattr(fault, "done", 0)
        self.got += lines[:done]
        if fault is not None:
            raise fault


LINES = [b"%d" % number for number in range(10)]


def _sender(sink: Sink) -> tuple[Sender, list[float]]:
    pauses: list[float] = []
    return Sender(sink, pauses.append), pauses


def test_a_sink_that_fails_for_a_while_gets_everything_in_order() -> None:
    sink = FakeSink(None, Unfinished("busy", 1, wait_s=20.0), OSError("away"), OSError("away"))
    sender, pauses = _sender(sink)
    sender.bring(LINES)
    assert sink.got == LINES
    assert (sender.delivered, sender.refused, pauses) == (10, 0, [20.0, 1.0, 2.0])


def test_what_a_sink_refuses_is_left_out_and_counted() -> None:
    sink = FakeSink(Undeliverable("too long", 2))
    sender, pauses = _sender(sink)
    sender.bring(LINES)
    assert sink.got == LINES[:2] + LINES[3:]
    assert (sender.delivered, sender.refused, pauses) == (9, 1, [])


def test_a_sink_that_takes_nothing_ends_it_in_bounded_time() -> None:
    sender, pauses = _sender(FakeSink(None, *[OSError("no route")] * 50))
    with pytest.raises(StartError, match=r"sink fake: no route; it has 4 of the events"):
        sender.bring(LINES)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_every_sink_gets_every_event_and_a_refusal_is_told(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edge_camera.spool.tools import read_all

    one, two = FakeSink(name="one"), FakeSink(Undeliverable("no", 0), name="two")
    assert not send(read_all(spool), [_sender(one)[0], _sender(two)[0]])
    assert (one.got, two.got) == (_is(0, 1, 2, 3, 4, 5), _is(1, 2, 3, 4, 5))
    assert "delivered: one 6, two 5 (refused 1)" in capsys.readouterr().err


# A value for every key of [sinks]; a key of edge_camera.config.Sinks that is missing here fails the test.
_TABLES = {
    "stdout": "true",
    "mqtt": '{url = "mqtt://broker"}',
    "webhook": '{url = "http://receiver/"}',
    "file": '{path = "FOLDER/events.jsonl", keep = 2}',
    "spool": '{path = "FOLDER/spool", fsync = "event"}',
    "snapshots": '{path = "FOLDER/pictures", send = true}',
}


@pytest.mark.parametrize("key", [field.name for field in msgspec.structs.fields(Sinks)])
def test_to_takes_every_key_of_a_pods_sinks(tmp_path: Path, key: str) -> None:
    path = tmp_path / "cameras.toml"
    lines = [f"{name} = {_TABLES[name]}\n" for name in sorted({"stdout", key})]
    path.write_text("[sinks]\n" + "".join(lines).replace("FOLDER", str(tmp_path)))
    assert {sink.name for sink in read_sinks(path)} == {"stdout"} | ({key} & {"mqtt", "webhook", "file"})


@pytest.mark.parametrize("key", ["snapshot", "web-hook"])
def test_to_refuses_a_key_that_no_pod_knows(tmp_path: Path, key: str) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(f"[sinks]\nstdout = true\n{key} = {{}}\n")
    with pytest.raises(StartError, match=key):
        read_sinks(path)


def test_ids_and_times_of_events_stay(spool: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    def told(one: Event) -> tuple[str, str]:
        return one.id, one.captured_at

    got = [json.loads(line) for line in _replay(capfdbinary, spool)]
    assert [(one["id"], one["captured_at"]) for one in got] == [told(one) for one in EVENTS]
