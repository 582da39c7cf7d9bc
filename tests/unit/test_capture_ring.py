"""The ring: the newest whole frame, never a half one, whatever becomes of the writer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_camera.capture.ring import RingError, RingReader, RingWriter, ring_bytes
from edge_camera.frame import Stamp

WIDTH, HEIGHT = 160, 120
BOUND = 64 * 2**20


def _stamp(seq: int) -> Stamp:
    return Stamp(monotonic=seq + 0.5, wall=seq + 1e9, clock_synced=bool(seq % 2))


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["write", "abandon", "take"]), max_size=60))
def test_take_gives_the_newest_frame_once(steps: list[str]) -> None:
    writer = RingWriter(8, 4)
    reader = RingReader(os.dup(writer.fd), 8, 4, BOUND)
    newest, taken = -1, -1
    for seq, step in enumerate(steps):
        if step == "take":
            frame = reader.take()
            assert (None if frame is None else frame.seq) == (newest if newest > taken else None)
            if frame is not None:
                assert (frame.pixels == frame.seq % 256).all()
                assert frame.stamp == _stamp(frame.seq)
            taken = newest
            continue
        pixels = writer.begin()
        assert pixels is not None
        pixels[:] = seq % 256
        if step == "write":
            writer.publish(seq, _stamp(seq))
            newest = seq
        else:
            writer.abandon()
    reader.close()
    writer.close()


def test_what_was_taken_stays_as_it_was() -> None:
    writer = RingWriter(8, 4)
    reader = RingReader(os.dup(writer.fd), 8, 4, BOUND)
    for seq in range(20):
        pixels = writer.begin()
        assert pixels is not None
        pixels[:] = seq
        writer.publish(seq, _stamp(seq))
        if seq == 0:
            first = reader.take()
    assert first is not None
    assert (first.pixels == 0).all()
    reader.close()
    writer.close()


_WRITER = f"""
import socket, sys
from edge_camera.capture.ring import RingWriter
from edge_camera.frame import Stamp
sock = socket.socket(fileno=int(sys.argv[1]))
ring = RingWriter({WIDTH}, {HEIGHT})
socket.send_fds(sock, [b"ring"], [ring.fd])
seq = 0
while True:
    pixels = ring.begin()
    if pixels is None:
        continue
    pixels[:] = seq % 251
    ring.publish(seq, Stamp(monotonic=float(seq), wall=2.0 * seq, clock_synced=False))
    seq += 1
"""


def test_frames_of_a_process_that_writes_at_full_speed_are_whole_until_it_is_killed() -> None:
    """Some hundred kills would show nothing more: what counts is the moment, and each is another."""
    for _ in range(3):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [sys.executable, "-c", _WRITER, str(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
            _, fds, _, _ = socket.recv_fds(ours, 16, 1)
            reader = RingReader(fds[0], WIDTH, HEIGHT, BOUND)
            last, count = -1, 0
            while count < 300:
                if count == 250:
                    process.kill()
                    process.wait(10)
                    count = 300
                frame = reader.take()
                if frame is None:
                    assert count >= 250 or process.poll() is None, "the writer ended by itself"
                    continue
                count += 1
                assert frame.seq > last
                assert frame.stamp == Stamp(monotonic=frame.seq, wall=2.0 * frame.seq, clock_synced=False)
                assert (frame.pixels == frame.seq % 251).all(), "torn"
                last = frame.seq
            reader.close()


def test_a_slot_that_a_stopped_reader_holds_does_not_stop_the_writer() -> None:
    """The reader, another process, holds a slot for ever: the writer goes on in the two others."""
    writer = RingWriter(8, 4)
    holder = (
        f"import fcntl, sys\nfcntl.lockf({writer.fd}, fcntl.LOCK_SH, 1, 1)\nprint('held', flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder], pass_fds=[writer.fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    slots = set()
    for seq in range(20):
        assert writer.begin() is not None
        slots.add(writer._slot)
        writer.publish(seq, _stamp(seq))
    assert slots == {0, 2}
    process.communicate("", timeout=10)
    writer.close()


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        pytest.param(0, 4, 4096, id="no-width"),
        pytest.param(20_000, 4, ring_bytes(20_000, 4), id="too-wide"),
        pytest.param(8, 4, ring_bytes(8, 4) - 1, id="too-small"),
        pytest.param(8000, 8000, ring_bytes(8000, 8000), id="over-the-memory-bound"),
        pytest.param(8, 4, ring_bytes(8, 4), id="not-sealed"),
    ],
)
def test_a_reader_trusts_no_announcement(width: int, height: int, size: int) -> None:
    fd = os.memfd_create("test")
    os.ftruncate(fd, size)
    with pytest.raises(RingError):
        RingReader(fd, width, height, BOUND)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_pixels_are_bgr_rows() -> None:
    writer = RingWriter(3, 2)
    pixels = writer.begin()
    assert pixels is not None
    pixels[:] = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    writer.publish(0, _stamp(0))
    reader = RingReader(os.dup(writer.fd), 3, 2, BOUND)
    frame = reader.take()
    assert frame is not None
    assert frame.pixels.tolist() == np.arange(18).reshape(2, 3, 3).tolist()
    reader.close()
    writer.close()
