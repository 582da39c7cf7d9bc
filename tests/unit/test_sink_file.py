"""The file sink on real files: rotation, a full disk, renames, and what a killed process leaves."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_camera.sinks.file import FileSink
from edge_camera.sinks.file_config import FileConfig
from edge_camera.spool.outbox import Undeliverable, Unfinished

SMALL = 1000


def lines(count: int, start: int = 0) -> list[bytes]:
    """Events of 40 bytes, 41 with their line break."""
    return [b'{"id": %-32d}' % number for number in range(start, start + count)]


def ids(*paths: Path) -> list[int]:
    """The ids in some files; each line must be whole."""
    found = []
    for path in paths:
        data = path.read_bytes()
        assert data.endswith(b"\n") or not data, "the last line is whole"
        found += [json.loads(one)["id"] for one in data.splitlines()]
    return found


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the kernel refuse what is past `size` bytes of a file, after it took what fits: as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_rotation_bounds_the_disk(path: Path) -> None:
    sink = FileSink(FileConfig(str(path), max_bytes=SMALL, keep=2))
    sink.send_many(lines(200))
    for one in lines(50, start=200):
        sink.send(one)
    sink.close()
    files = [path.with_name("events.jsonl.2"), path.with_name("events.jsonl.1"), path]
    assert sorted(path.parent.iterdir()) == sorted(files)
    assert all(file.stat().st_size <= SMALL for file in files)
    found = ids(*files)
    assert found == list(range(250 - len(found), 250)), "the newest, in order, without a gap"
    assert len(found) > 2 * (SMALL // 41)


def test_without_older_files(path: Path) -> None:
    sink = FileSink(FileConfig(str(path), max_bytes=SMALL, keep=0))
    sink.send_many(lines(60))
    sink.close()
    assert list(path.parent.iterdir()) == [path]
    assert ids(path)[-1] == 59


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=60), batch=st.integers(1, 9), keep=st.integers(0, 3))
def test_any_sizes_in_any_batches(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], batch: int, keep: int
) -> None:
    path = tmp_path_factory.mktemp("sink") / "e"
    sink = FileSink(FileConfig(str(path), max_bytes=400, keep=keep))
    events = [json.dumps({"id": number, "pad": "x" * size}).encode() for number, size in enumerate(sizes)]
    for at in range(0, len(events), batch):
        sink.send_many(events[at : at + batch])
    sink.close()
    files = [path, *(Path(f"{path}.{number}") for number in range(1, keep + 1))]
    there = [file for file in reversed(files) if file.exists()]
    assert {*path.parent.iterdir()} == {*there}
    assert all(file.stat().st_size <= 400 for file in there)
    found = ids(*there)
    assert found == list(range(len(sizes) - len(found), len(sizes)))
    assert found, "at least the last"


def test_a_full_disk_takes_whole_lines_or_none(path: Path) -> None:
    sink = FileSink(FileConfig(str(path)))
    sink.send_many(lines(10))
    with largest_file(500):
        with pytest.raises(Unfinished, match=os.strerror(errno.EFBIG)) as failed:
            sink.send_many(lines(10, start=10))
        assert failed.value.done == 0
        assert ids(path) == list(range(10)), "what fitted of it was taken back"
        with pytest.raises(OSError, match=str(path)):
            sink.send_many(lines(10, start=10))
    sink.send_many(lines(10, start=10))
    sink.close()
    assert ids(path) == list(range(20))


def test_a_full_disk_after_a_rotation_tells_what_was_written(path: Path) -> None:
    sink = FileSink(FileConfig(str(path), max_bytes=SMALL, keep=1))
    sink.send_many(lines(3))
    path.with_name("events.jsonl.1").mkdir()  # which no file can replace
    with pytest.raises(Unfinished) as failed:
        sink.send_many(lines(100, start=3))
    done = failed.value.done
    assert 0 < done < 100
    assert ids(path) == list(range(3 + done))
    path.with_name("events.jsonl.1").rmdir()
    sink.send_many(lines(100, start=3)[done:])
    sink.close()


def test_after_a_rename_by_another_program_a_new_file_is_begun(path: Path) -> None:
    sink = FileSink(FileConfig(str(path)))
    sink.send_many(lines(3))
    moved = path.rename(path.with_name("moved"))
    sink.send_many(lines(3, start=3))
    path.unlink()
    sink.send_many(lines(3, start=6))
    sink.close()
    assert (ids(moved), ids(path)) == ([0, 1, 2], [6, 7, 8])


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_line_that_was_left_torn_is_cut_off(path: Path, cut: int) -> None:
    whole = b"".join(one + b"\n" for one in lines(3))
    path.write_bytes(whole + lines(1, start=3)[0][:cut])
    sink = FileSink(FileConfig(str(path)))
    sink.send_many(lines(1, start=3))
    sink.close()
    assert ids(path) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "content", [b"my diary", b'{"id": 1}\nand more', b"{" * 2_000_000], ids=["text", "mixed", "endless"]
)
def test_somebody_elses_file_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sink = FileSink(FileConfig(str(path)))
    with pytest.raises(Unfinished, match="not a file of JSON lines"):
        sink.send_many(lines(1))
    assert path.read_bytes() == content


def test_two_sinks_never_write_the_same_file(path: Path) -> None:
    first, second = FileSink(FileConfig(str(path))), FileSink(FileConfig(str(path)))
    first.send_many(lines(2))
    with pytest.raises(Unfinished, match="another process writes it"):
        second.send_many(lines(2))
    first.close()
    second.send_many(lines(2, start=2))
    second.close()
    assert ids(path) == [0, 1, 2, 3]


def test_a_pipe_nobody_reads_does_not_hold_the_thread(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(Unfinished, match="not a regular file"):
        FileSink(FileConfig(str(path))).send_many(lines(1))


def test_a_folder_that_is_gone_and_back(path: Path) -> None:
    sink = FileSink(FileConfig(str(path.parent / "mnt" / "events"), fsync=True))
    with pytest.raises(Unfinished, match="No such file"):
        sink.send_many(lines(2))
    (path.parent / "mnt").mkdir()
    sink.send_many(lines(2))
    sink.close()
    assert ids(path.parent / "mnt" / "events") == [0, 1]


def test_an_event_longer_than_a_file_is_refused(path: Path) -> None:
    sink = FileSink(FileConfig(str(path), max_bytes=SMALL))
    with pytest.raises(Undeliverable, match="max_bytes is 1000") as refused:
        sink.send_many([*lines(2), b"{" + b"x" * SMALL, *lines(1, start=2)])
    assert refused.value.done == 2
    sink.send_many(lines(1, start=2))
    sink.close()
    assert ids(path) == [0, 1, 2]


WRITER = """
import itertools, os, sys
from edge_camera.sinks.file import FileSink
from edge_camera.sinks.file_config import FileConfig
sink = FileSink(FileConfig(sys.argv[1], max_bytes=20_000, keep=3))
for start in itertools.count(0, 50):
    sink.send_many([b'{"id": %-32d}' % number for number in range(start, start + 50)])
    os.write(1, b".")
"""


def test_killed_at_any_moment_the_next_run_goes_on_with_whole_lines(path: Path) -> None:
    pick = random.Random(7)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert len(writer.stdout.read(pick.randrange(3, 40))) >= 3
            writer.kill()
        sink = FileSink(FileConfig(str(path), max_bytes=20_000, keep=3))
        sink.send_many(lines(1))
        sink.close()
        files = sorted(path.parent.iterdir())
        assert files[0] == path
        assert all(ids(file) for file in files)
