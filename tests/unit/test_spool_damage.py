"""Bytes that went bad anywhere: never an exception, never an invented event, and what is still good is delivered."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_camera.spool.counters import Fault, Loss
from edge_camera.spool.format import HEADER_BYTES, VERSION
from edge_camera.spool.tools import read_all
from spool_support import Bench, line, number_of


def _filled(root: Path) -> tuple[Bench, list[bytes]]:
    """A closed spool of several segments per priority, read halfway by one sink."""
    bench = Bench(root, fsync=60.0)
    for number in range(60):
        bench.spool.append(line(number, 40), ("high", "normal", "low")[number % 3])
    cursor = bench.spool.reader("reader")
    cursor.ack(cursor.next(20)[-1].seq)
    bench.spool.close()
    return bench, [line(number, 40) for number in range(60)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled") / "spool"
    _filled(root)
    return root


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_bad_bytes_anywhere_never_raise(filled: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "spool"
        shutil.copytree(filled, root)
        files = sorted(path for path in root.rglob("*") if path.is_file() and path.stat().st_size)
        for _ in range(data.draw(st.integers(1, 4))):
            path = data.draw(st.sampled_from(files))
            content = path.read_bytes()
            at = data.draw(st.integers(0, len(content) - 1))
            junk = data.draw(st.binary(min_size=1, max_size=40))
            path.write_bytes(content[:at] + junk + content[at + data.draw(st.integers(0, 60)) :])
        made = {line(number, 40) for number in range(60)} | {b"new"}
        assert {entry.line for entry in read_all(root)} <= made
        bench = Bench(root)
        assert bench.spool.append(b"new", "high")
        got = bench.read()
        assert set(got) <= made
        assert got[-1] == b"new"
        numbers = [number_of(one) for one in got[:-1]]
        assert numbers == sorted(set(numbers))
        bench.clock.advance(11)
        bench.spool.tick()
        bench.spool.stats()
        assert bench.reopen().append(b"new", "low")
        bench.spool.close()


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_costs_at_most_one_event(filled: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "spool"
        shutil.copytree(filled, root)
        files = sorted(root.glob("*/*.seg"))
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1).filter(lambda at: at != 7))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        assert len(list(read_all(root))) >= 59
        bench = Bench(root)
        assert len(bench.read("fresh")) >= 59
        bench.spool.close()


def test_a_bad_record_is_skipped_counted_and_its_file_kept_aside(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = bench.fill(30)
    bench.spool.close()
    first = bench.files("low")[0]
    content = bytearray(first.read_bytes())
    content[HEADER_BYTES + 60] ^= 0xFF
    first.write_bytes(content)
    bench.open()
    cursor = bench.spool.reader("reader")
    entries = cursor.next(100)
    assert [entry.line for entry in entries] == lines[1:]
    assert bench.tally.faults[Fault.CORRUPT] == 1
    assert bench.tally.drops == {("low", Loss.CORRUPT): 1}
    assert first.exists(), "other sinks may need it"
    cursor.ack(entries[-1].seq)
    bench.clock.advance(11)
    bench.spool.tick()
    assert not first.exists()
    assert [path.read_bytes() for path in (tmp_path / "corrupt").iterdir()] == [bytes(content)]
    bench.spool.close()


def test_unreadable_files_are_kept_aside_and_only_some_of_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.fill(200)
    bench.spool.close()
    files = bench.files("low")
    assert len(files) > 12
    for path in files[:12]:
        path.write_bytes(b"\xa5" * path.stat().st_size)
    bench.open()
    assert bench.tally.faults[Fault.CORRUPT] == 12
    assert len(list((tmp_path / "corrupt").iterdir())) == 8
    assert number_of(bench.read()[-1]) == 199
    bench.spool.close()


def test_a_torn_tail_is_cut_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = bench.fill(3)
    bench.spool.close()
    path = bench.files("low")[0]
    path.write_bytes(path.read_bytes()[:-5])
    bench.open()
    assert bench.tally.faults == {Fault.TORN: 1}
    bench.spool.append(b"after", "low")
    assert bench.read() == [*lines[:2], b"after"]
    assert bench.files("low") == [path]
    bench.spool.close()


def _of_another_program(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    content[7] = VERSION + 1
    path.write_bytes(content)
    return bytes(content)


def test_another_programs_format_is_kept_until_it_is_too_old(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    old = bench.fill(40)
    bench.spool.close()
    path = bench.files("low")[1]
    content = _of_another_program(path)
    os.utime(path, (bench.clock.wall - 1000, bench.clock.wall - 1000))
    bench.open()
    assert bench.tally.faults == {Fault.VERSION: 1}
    bench.spool.append(b"new", "low")
    got = bench.read()
    assert got[-1] == b"new"
    assert 0 < len(got) < len(old)
    # A clock that jumps ages nothing.
    bench.clock.wall += 50 * 365 * 86_400.0
    bench.clock.advance(bench.config.ttl_s - 1001)
    bench.fill(20, start=40)
    bench.spool.tick()
    assert path.read_bytes() == content
    assert bench.spool.stats().bytes == sum(one.stat().st_size for one in bench.files()), "it counts for the cap"
    bench.tally.drops.clear()
    bench.clock.advance(11)
    bench.spool.tick()
    assert not path.exists()
    assert bench.tally.drops == {("low", Loss.AGE): 1}
    assert bench.spool.stats().bytes == sum(one.stat().st_size for one in bench.files())
    bench.spool.close()


def test_another_programs_segments_do_not_take_the_spool_away(tmp_path: Path) -> None:
    """After a rollback: half of the room is the spool's again as soon as it needs it."""
    bench = Bench(tmp_path, max_bytes=8192)
    bench.fill(200, "high")
    bench.spool.close()
    theirs = bench.files("high")
    for path in theirs:
        _of_another_program(path)
    assert sum(path.stat().st_size for path in theirs) > 7000
    bench.open()
    bench.tally.drops.clear()
    mine = bench.fill(200, "low")
    left = [path for path in theirs if path.exists()]
    assert 2048 < sum(path.stat().st_size for path in left) <= 4096, "however important theirs were"
    lost = bench.tally.drops["low", Loss.CAP]
    assert bench.tally.drops == {("high", Loss.CAP): len(theirs) - len(left), ("low", Loss.CAP): lost}
    assert bench.read() == mine[lost:] and len(mine) - lost > 20
    assert bench.spool.stats().bytes == sum(one.stat().st_size for one in bench.files()) <= 8192
    bench.spool.close()


def test_another_programs_segment_goes_where_nothing_else_makes_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=4096)
    bench.fill(10, "low")
    bench.spool.close()
    (theirs,) = bench.files("low")
    _of_another_program(theirs)
    bench.open()
    bench.fill(20, "high")
    assert theirs.exists()
    high = bench.files("high")
    bench.spool.append(line(0, 3900), "low")
    assert not theirs.exists() and bench.files("high") == high
    assert bench.tally.drops["low", Loss.CAP] == 1
    bench.spool.close()


def test_numbers_go_on_past_those_of_an_unknown_format(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.fill(5)
    bench.spool.close()
    path = bench.files("low")[0]
    content = bytearray(path.read_bytes())
    content[7] = VERSION + 1
    path.write_bytes(content)
    bench.open()
    bench.spool.append(b"new", "low")
    assert bench.spool.reader("reader").next(9)[0].seq > 5
    bench.spool.close()


def test_a_bad_cursor_is_counted_and_its_sink_begins_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = bench.fill(3)
    assert bench.read() == lines
    bench.spool.close()
    path = tmp_path / "cursors" / "reader"
    path.write_bytes(path.read_bytes().replace(b" 3 ", b" 2 "))
    bench.open()
    assert bench.tally.faults == {Fault.CURSOR: 1}
    assert bench.read() == lines
    bench.spool.close()


def test_strange_names_are_no_segments(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lines = bench.fill(2)
    bench.spool.close()
    (tmp_path / "low" / ("9" * 20 + ".seg")).write_bytes(b"x" * 100)
    (tmp_path / "low" / "notes.txt").write_bytes(b"x")
    (tmp_path / "high" / ("0" * 19 + "7.seg")).mkdir()
    bench.open()
    assert bench.spool.append(b"new", "high")
    assert bench.read() == [*lines, b"new"]
    bench.spool.close()
