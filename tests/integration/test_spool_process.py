"""The spool against the real thing: processes killed with SIGKILL, a file system that is full, sockets that are away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_camera.spool.counters import Fault, Loss
from edge_camera.spool.tools import read_all
from spool_support import Bench, drain, line, number_of

TIMEOUT_S = 30
HERE = Path(__file__).parents[1]

APPENDER = """
import sys
from pathlib import Path
from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Tally
from edge_camera.spool.spool import Spool
from edge_common.clock import SystemClock
from spool_support import line

root, start, fsync = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
config = SpoolConfig(path="", segment_bytes=4096, max_bytes=1 << 26, fsync="event" if fsync == "event" else float(fsync))
spool = Spool.open(root, config, SystemClock(), Tally())
for number in range(start, start + 1_000_000):
    if spool.append(line(number, number % 300), ("high", "normal", "low")[number % 3]):
        print(number, flush=True)
    if number % 50 == 0:
        spool.tick()
"""

# Delivers to a TCP port, one line an event, acknowledged by one byte; prints the number of what is on disk.
DELIVERER = """
import socket, sys
from pathlib import Path
from edge_camera.spool.config import SpoolConfig
from edge_camera.spool.counters import Tally
from edge_camera.spool.outbox import SpooledOutbox
from edge_camera.spool.spool import Spool
from edge_common.clock import SystemClock
from spool_support import line

class TcpSink:
    name = "tcp"
    link = None

    def send(self, line):
        try:
            if self.link is None:
                self.link = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5)
            self.link.sendall(line + b"\\n")
            if self.link.recv(1) != b"k":
                raise ConnectionError("gone")
        except OSError:
            self.link = None
            raise

spool = Spool.open(Path(sys.argv[1]), SpoolConfig(path="", fsync="event"), SystemClock(), Tally())
box = SpooledOutbox(spool, [TcpSink()], lambda sink, outcome: None, Tally(), jitter=lambda: 0.05)
box.start()
for text in sys.stdin:
    first, last = map(int, text.split())
    for number in range(first, last):
        box.put(line(number), ("high", "normal", "low")[number % 3])
    print("put", flush=True)
"""


@contextmanager
def _process(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(TIMEOUT_S)


def _read_number(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize("fsync", ["event", "3600"])
def test_killed_again_and_again_while_it_appends(tmp_path: Path, fsync: str) -> None:
    acknowledged: list[int] = []
    start = 0
    for turn in range(6):
        with _process(APPENDER, str(tmp_path), str(start), fsync) as process:
            seen = [_read_number(process) for _ in range(37 + 40 * turn)]
            process.send_signal(signal.SIGKILL)
            assert process.stdout is not None
            seen += [int(text) for text in process.stdout.read().split(b"\n")[:-1]]
        acknowledged += seen
        start = seen[-1] + 10
    bench = Bench(tmp_path)
    numbers = [number_of(one) for one in bench.read()]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= set(acknowledged)
    assert len(numbers) <= len(acknowledged) + 6, "at most the one in hand at each kill was not told of"
    assert bench.tally.drops == {}
    bench.spool.close()


def test_a_tool_reads_while_another_process_writes(tmp_path: Path) -> None:
    with _process(APPENDER, str(tmp_path), "0", "3600") as process:
        for told in iter(lambda: _read_number(process), 400):
            if told % 40 == 0:
                numbers = [number_of(entry.line) for entry in read_all(tmp_path)]
                assert numbers == sorted(set(numbers))
                assert set(numbers) >= set(range(told + 1))


def test_only_one_process_writes_and_the_next_takes_over(tmp_path: Path) -> None:
    with _process(APPENDER, str(tmp_path), "0", "event") as process:
        assert [_read_number(process), _read_number(process)] == [0, 1]
        bench = Bench(tmp_path)
        assert not bench.spool.append(line(10**6), "high")
        assert bench.tally.faults[Fault.WRITE] == 1
        cursor = bench.spool.reader("reader")
        assert drain(cursor, ack=False) == [line(10**6)]
    bench.clock.advance(6)
    assert bench.spool.append(line(10**6 + 1), "high")
    numbers = [number_of(one) for one in drain(cursor)]
    assert numbers[:2] == [0, 1]
    assert numbers[-2:] == [10**6, 10**6 + 1]
    bench.spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"needs the right to mount a file system: {done.stderr.strip()}")
    try:
        yield mount
    finally:
        # Lazily: a test that failed may still hold files, and the mount must not outlive it.
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    bench = Bench(small_disk / "spool", segment_bytes=65536, max_bytes=1 << 28)
    high: list[bytes] = []
    low: list[bytes] = []
    for number in range(4000):
        (high if number % 10 == 0 else low).append(one := line(number, 500))
        assert bench.spool.append(one, "high" if number % 10 == 0 else "low")
    lost = bench.tally.drops["low", Loss.FULL]
    assert lost > 1000
    assert bench.tally.drops == {("low", Loss.FULL): lost}
    kept = sorted([*high, *low[lost:]], key=number_of)
    bench.reopen()
    assert bench.read() == kept
    bench.spool.close()


def test_a_disk_that_others_fill_keeps_live_events_flowing(small_disk: Path) -> None:
    bench = Bench(small_disk / "spool")
    cursor = bench.spool.reader("reader")
    others = small_disk / "others"
    with others.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    lines = [line(number) for number in range(20)]
    assert not any(bench.spool.append(one, "normal") for one in lines)
    assert drain(cursor) == lines
    others.unlink()
    assert bench.spool.append(line(20), "normal")
    assert drain(cursor) == [line(20)]
    bench.spool.close()


def _receive(listener: socket.socket, until: int) -> list[int]:
    """Take events from whoever connects, up to event `until`."""
    got: list[int] = []
    while until not in got:
        link, _ = listener.accept()
        link.settimeout(TIMEOUT_S)
        with link, link.makefile("rb") as lines:
            for one in lines:
                got.append(number_of(one))
                link.sendall(b"k")
                if got[-1] == until:
                    break
    return got


def _ask(process: subprocess.Popen[bytes], first: int, last: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"%d %d\n" % (first, last))
    process.stdin.flush()
    assert process.stdout.readline() == b"put\n"


def _on_disk(root: Path) -> int:
    return max((number_of(entry.line) for entry in read_all(root)), default=-1)


def test_receiver_away_and_sender_killed_meanwhile(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        listener.settimeout(TIMEOUT_S)
        with _process(DELIVERER, str(tmp_path), str(port)) as process:
            _ask(process, 0, 50)
            got = _receive(listener, 49)
            listener.close()
            _ask(process, 50, 100)
            while _on_disk(tmp_path) < 99:
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
    with (
        closing(socket.create_server(("127.0.0.1", port))) as listener,
        _process(DELIVERER, str(tmp_path), str(port)) as process,
    ):
        listener.settimeout(TIMEOUT_S)
        _ask(process, 100, 150)
        later = _receive(listener, 149)
    assert later == sorted(set(later))
    assert list(dict.fromkeys(got + later)) == list(range(150))
