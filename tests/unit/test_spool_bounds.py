"""Everything is bounded: bytes, age, memory; the least important goes first, and every loss is counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge_camera.spool.config import SpoolConfig, spool_faults
from edge_camera.spool.counters import Fault, Loss
from edge_camera.spool.format import MAX_LINE
from edge_camera.spool.held import MAX_EVENTS
from spool_support import Bench, BrokenDisk, FullDisk, drain, line, number_of


def _bytes(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*.seg"))


def test_the_cap_holds_and_the_oldest_of_the_lowest_goes_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=8192)
    high = bench.fill(20, "high")
    low = bench.fill(200, "low", start=20)
    assert _bytes(tmp_path) <= 8192
    assert bench.spool.stats().bytes == _bytes(tmp_path)
    got = bench.read()
    assert got[:20] == high
    lost = bench.tally.drops["low", Loss.CAP]
    assert got[20:] == low[lost:]
    assert bench.tally.drops == {("low", Loss.CAP): lost}
    bench.spool.close()


def test_what_had_to_make_room_is_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=8192)
    cursor = bench.spool.reader("reader")
    bench.fill(300, "low")
    lost = bench.tally.drops["low", Loss.CAP]
    assert lost > 100
    assert bench.spool.stats().waiting == {"reader": 300 - lost}
    assert len(cursor.next(10)) == 10
    assert bench.spool.stats().waiting == {"reader": 300 - lost}, "handed out is not delivered yet"
    bench.spool.close()


def test_a_file_is_no_folder_for_a_spool_and_a_spool_in_use_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    ((key, wanted, _),) = spool_faults(SpoolConfig(str(tmp_path / "file")))
    assert (key, wanted) == ("path", "a directory")
    for path in (tmp_path / "later", tmp_path / "file" / "below"):
        assert spool_faults(SpoolConfig(str(path))) == [], "what may heal is tried again"
    root = tmp_path / "spool"
    root.mkdir()
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(root / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        Bench(root).spool.close()
        other.communicate(b"\n", timeout=10)
    assert "another process uses this spool" in caplog.text and str(root) in caplog.text


def test_important_events_push_out_the_others_but_not_the_other_way(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=4096)
    bench.fill(10, "low")
    high = bench.fill(36, "high", start=10)
    assert bench.tally.drops["low", Loss.CAP] == 10
    before = bench.files()
    assert not bench.spool.append(line(99, 600), "low")
    assert bench.files() == before
    assert bench.spool.stats().in_memory == 1
    assert not bench.spool.stats().writable
    assert bench.read()[-37:] == [*high, line(99, 600)], "while the program runs, it still flows"
    bench.spool.close()


def test_what_every_sink_has_goes_first_and_is_no_loss(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=8192)
    bench.fill(30, "high")
    cursor = bench.spool.reader("reader")
    drain(cursor)
    low = bench.fill(40, "low", start=30)
    assert bench.tally.drops == {}
    assert drain(cursor) == low
    bench.spool.close()


def test_too_old_goes_and_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ttl_s=3600.0)
    bench.fill(5, "high")
    bench.clock.advance(1800)
    young = bench.fill(5, "normal", start=5)
    bench.clock.advance(1801)
    bench.spool.tick()
    assert bench.tally.drops == {("high", Loss.AGE): 5}
    assert bench.read() == young
    bench.spool.close()


def test_a_rare_event_does_not_keep_old_ones(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ttl_s=3600.0, segment_bytes=65536, max_bytes=1 << 20)
    for number in range(100):
        bench.spool.append(line(number), "high")
        bench.clock.advance(60)
        bench.spool.tick()
    oldest = number_of(bench.read()[0])
    assert 99 - 60 * 9 / 8 - 1 <= oldest <= 40
    bench.spool.close()


@pytest.mark.parametrize("jump_s", [50 * 365 * 86_400.0, -50 * 365 * 86_400.0], ids=["forward", "back"])
def test_a_clock_that_jumps_deletes_nothing(tmp_path: Path, jump_s: float) -> None:
    bench = Bench(tmp_path, ttl_s=3600.0)
    lines = bench.fill(5)
    bench.clock.wall += jump_s
    lines += bench.fill(5, start=5)
    bench.clock.advance(60)
    bench.spool.tick()
    # Also between two runs.
    bench.reopen()
    bench.clock.wall += jump_s
    bench.reopen()
    bench.spool.tick()
    assert bench.read() == lines
    assert bench.tally.drops == {}
    # Age still counts, by the clock that does not jump.
    bench.clock.now += 3601
    bench.spool.tick()
    assert bench.files() == []
    bench.spool.close()


def test_age_goes_on_over_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ttl_s=3600.0)
    bench.fill(5)
    for _ in range(3):
        bench.clock.advance(1000)
        bench.reopen()
        bench.fill(1, "high", start=5)
    bench.clock.advance(700)
    bench.reopen()
    assert bench.tally.drops == {("low", Loss.AGE): 5}
    bench.spool.close()


def test_a_full_disk_drops_the_oldest_of_the_lowest_and_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FullDisk(tmp_path, 8192))
    low = bench.fill(100, "low")
    high = bench.fill(10, "high", start=100)
    lost = bench.tally.drops["low", Loss.FULL]
    assert bench.tally.drops == {("low", Loss.FULL): lost}
    assert lost > 0
    got = bench.read()
    assert got == [*low[lost:], *high]
    bench.spool.close()


def test_a_disk_full_of_others_things_keeps_live_events_in_memory(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path, 0)
    bench = Bench(tmp_path, disk)
    cursor = bench.spool.reader("reader")
    lines = bench.fill(5)
    assert drain(cursor) == lines
    disk.capacity = 1 << 20
    assert bench.spool.append(b"on disk", "low")
    assert drain(cursor) == [b"on disk"]
    bench.spool.close()
    bench.open()
    assert bench.read("other") == [b"on disk"]
    bench.spool.close()


@pytest.mark.parametrize("refused", [["write"], ["sync"], ["write", "cut"], ["sync", "cut"], ["sync", "cut", "remove"]])
def test_a_disk_that_fails_in_between_loses_nothing_and_keeps_the_order(tmp_path: Path, refused: list[str]) -> None:
    disk = BrokenDisk()
    bench = Bench(tmp_path, disk)
    cursor = bench.spool.reader("reader")
    lines = bench.fill(8)
    disk.refused = set(refused)
    for number in (8, 9):
        assert not bench.spool.append(line(number), "low")
    disk.refused = set()
    lines += [line(8), line(9), *bench.fill(8, start=10)]
    assert drain(cursor) == lines
    bench.clock.advance(11)
    bench.spool.tick()
    assert bench.spool.stats().in_memory == 0
    assert bench.tally.faults[Fault.WRITE] > 0
    assert bench.tally.drops == {}
    bench.reopen()
    assert set(bench.read("other")) >= {*lines[:8], *lines[10:]}
    bench.spool.close()


def test_memory_is_bounded_and_the_least_important_goes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, BrokenDisk("make_folder"))
    assert not bench.spool.stats().writable
    bench.spool.append_many([(line(0), "high")])
    bench.spool.append_many([(line(number), "low") for number in range(1, MAX_EVENTS + 100)])
    assert bench.tally.drops == {("low", Loss.MEMORY): 100}
    got = bench.read()
    assert len(got) == MAX_EVENTS
    assert got[0] == line(0)
    assert number_of(got[1]) == 101
    bench.spool.close()


def test_a_folder_that_can_be_opened_later_brings_the_old_events_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    old = bench.fill(5)
    cursor = bench.spool.reader("reader")
    cursor.ack(cursor.next(2)[-1].seq)
    bench.spool.close()
    disk = bench.disk = BrokenDisk("make_folder")
    bench.open()
    cursor = bench.spool.reader("reader")
    lines = bench.fill(4, start=5)
    late = cursor.next(2)
    assert [entry.line for entry in late] == lines[:2]
    disk.refused.clear()
    bench.clock.advance(6)
    bench.spool.tick()
    # This number means something else now.
    cursor.ack(late[-1].seq)
    assert drain(cursor) == [*old[2:], *lines]
    assert bench.spool.append(b"on disk", "low")
    bench.spool.close()


def test_what_memory_still_holds_at_the_end_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, BrokenDisk("make_folder"))
    bench.fill(3, "normal")
    bench.spool.close()
    assert bench.tally.drops == {("normal", Loss.MEMORY): 3}


def test_an_event_that_is_too_long_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.spool.append(b"x" * MAX_LINE, "low")
    assert not bench.spool.append(b"x" * (MAX_LINE + 1), "low")
    assert bench.tally.drops == {("low", Loss.SIZE): 1}
    assert bench.read() == [b"x" * MAX_LINE]
    bench.spool.close()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param('{"path": "/var/lib/edge/spool"}', [], id="defaults"),
        pytest.param('{"path": "p", "fsync": 2}', [], id="whole seconds"),
        pytest.param('{"path": "p", "fsync": "event"}', [], id="each event"),
        pytest.param('{"path": ""}', ["path"], id="no path"),
        pytest.param('{"path": "p", "segment_bytes": 10}', ["segment_bytes"], id="tiny segments"),
        pytest.param('{"path": "p", "max_bytes": 1048576}', ["max_bytes"], id="room for one segment"),
        pytest.param('{"path": "p", "ttl_s": 1, "fsync": 0}', ["ttl_s", "fsync"], id="two faults"),
    ],
)
def test_config_faults(text: str, keys: list[str]) -> None:
    assert [key for key, _, _ in spool_faults(msgspec.json.decode(text, type=SpoolConfig))] == keys


@pytest.mark.parametrize("text", ['{"path": "p", "fsync": "never"}', '{"path": "p", "maxbytes": 1}', "{}"])
def test_config_is_typed(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=SpoolConfig)
