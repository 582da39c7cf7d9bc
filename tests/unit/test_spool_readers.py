"""Readers: one order over all priorities, each sink at its own pace, cursors that survive."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from edge_camera.spool.tools import read_all
from spool_support import Bench, drain, line

MIXED = list(zip(range(60), itertools.cycle(["low", "high", "normal", "low"]), strict=False))


def test_one_order_over_all_priorities(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number, priority in MIXED:
        bench.spool.append(line(number, 50), priority)
    entries = bench.spool.reader("reader").next(100)
    assert [(entry.line, entry.priority) for entry in entries] == [(line(n, 50), p) for n, p in MIXED]
    assert [entry.seq for entry in entries] == list(range(1, 61))
    assert list(read_all(tmp_path)) == entries, "a tool sees the same while the spool is open"
    assert len(bench.files()) > 3
    bench.spool.close()


def test_two_sinks_at_different_paces(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    fast, slow = bench.spool.reader("fast"), bench.spool.reader("slow")
    got: dict[str, list[bytes]] = {"fast": [], "slow": []}
    for number, priority in MIXED:
        bench.spool.append(line(number), priority)
        got["fast"] += drain(fast)
        if number % 5 == 0:
            (entry,) = slow.next(1)
            got["slow"].append(entry.line)
            slow.ack(entry.seq)
    assert got["fast"] == [line(number) for number, _ in MIXED]
    assert bench.spool.stats().waiting == {"fast": 0, "slow": 48}
    got["slow"] += drain(slow)
    assert got["slow"] == got["fast"]
    bench.spool.close()


def test_cursors_survive_and_what_was_not_acknowledged_comes_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = bench.fill(40)
    cursor = bench.spool.reader("mqtt")
    cursor.ack(cursor.next(10)[-1].seq)
    cursor.next(5)
    bench.reopen()
    assert bench.read("mqtt") == lines[10:]
    assert bench.read("webhook") == lines
    bench.reopen()
    assert bench.read("mqtt") == []
    bench.spool.close()


def test_numbers_go_on_when_nothing_is_left_but_a_cursor(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ttl_s=60.0)
    bench.fill(5)
    bench.read()
    bench.clock.advance(120)
    bench.spool.tick()
    assert bench.files() == []
    bench.reopen()
    bench.spool.append(b"new", "low")
    assert bench.read() == [b"new"]
    bench.spool.close()


def test_cursors_are_written_seldom(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fsync=60.0)
    cursor = bench.spool.reader("mqtt")
    bench.fill(50)
    drain(cursor)
    bench.spool.tick()
    assert not (tmp_path / "cursors" / "mqtt").exists()
    bench.clock.advance(11)
    bench.spool.tick()
    written = (tmp_path / "cursors" / "mqtt").read_bytes()
    assert written.startswith(b"edge-spool-cursor 1 50 ")
    bench.spool.close()


@pytest.mark.parametrize("name", ["", "../evil", "A", "a/b", "a.new"])
def test_a_sinks_name_must_be_a_files(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(ValueError, match="want a-z"):
        bench.spool.reader(name)
    bench.spool.close()


def test_batches_are_written_and_synced_together_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, segment_bytes=65536)
    batch = [(line(number, 80), "low") for number in range(100)]
    assert bench.spool.append_many(batch)
    on_disk = sum(path.stat().st_size for path in bench.files())
    assert (bench.tally.bytes, bench.tally.syncs) == (on_disk, 1)
    for one, priority in batch:
        bench.spool.append(one, priority)
    assert bench.tally.syncs == 101
    bench.spool.close()


def test_with_an_interval_many_events_share_a_sync(tmp_path: Path) -> None:
    bench = Bench(tmp_path, segment_bytes=65536, fsync=5.0)
    for number in range(100):
        bench.spool.append(line(number), "low")
        bench.clock.advance(0.125)
        bench.spool.tick()
    assert bench.tally.syncs == 2
    bench.spool.tick()
    assert bench.tally.syncs == 2
    bench.spool.close()


def test_oldest_is_the_age_of_what_a_sink_waits_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    cursor = bench.spool.reader("mqtt")
    bench.fill(2)
    entries = cursor.next(2)
    bench.clock.advance(90)
    assert bench.spool.stats().oldest_s == 90
    cursor.ack(entries[-1].seq)
    assert bench.spool.stats().oldest_s == 0
    bench.spool.close()


def test_what_was_dropped_is_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ttl_s=60.0)
    cursor = bench.spool.reader("mqtt")
    bench.fill(5)
    bench.clock.advance(120)
    bench.spool.tick()
    assert cursor.next(5) == []
    assert bench.spool.stats().waiting == {"mqtt": 0}
    bench.spool.close()


def test_a_tool_says_when_a_folder_is_no_spool(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="folder of a spool"):
        read_all(tmp_path)


def test_writers_and_readers_in_threads(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fsync=60.0, max_bytes=1 << 24)
    count, writers = 300, 3
    got: dict[str, list[bytes]] = {"one": [], "two": []}

    def write(writer: int) -> None:
        for number in range(count):
            bench.spool.append(b"%d %d" % (writer, number), ("high", "normal", "low")[(number + writer) % 3])

    def read(sink: str) -> None:
        cursor = bench.spool.reader(sink)
        while len(got[sink]) < count * writers and (entries := cursor.next(16, 20.0)):
            got[sink] += [entry.line for entry in entries]
            cursor.ack(entries[-1].seq)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    threads += [threading.Thread(target=read, args=(sink,)) for sink in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert got["one"] == got["two"]
    for writer in range(writers):
        mine = [one for one in got["one"] if one.startswith(b"%d " % writer)]
        assert mine == [b"%d %d" % (writer, number) for number in range(count)]
    bench.spool.close()


def test_a_closed_spool_wakes_its_readers_and_takes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    cursor = bench.spool.reader("mqtt")
    ended = threading.Event()

    def read() -> None:
        assert cursor.next(1, 30.0) == []
        ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    bench.spool.close()
    assert ended.wait(10)
    thread.join(10)
    assert not bench.spool.append(b"late", "low")
    bench.spool.tick()
    bench.spool.close()
