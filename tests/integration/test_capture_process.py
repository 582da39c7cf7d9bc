"""Children and what they leave behind; images, for which no camera is needed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from capture_support import Watched, mjpeg_camera, write_images
from edge_camera.capture.messages import Reason
from edge_camera.capture.spec import Capture
from edge_camera.capture.watchdog import Reception


def _levels(watched: Watched) -> list[int]:
    return [round(float(frame.pixels.mean())) for frame in watched.frames]


def _wait_end(watched: Watched) -> None:
    watched.thread.join(30)
    assert not watched.thread.is_alive()


@pytest.mark.parametrize("glob", ["", "/00*.png"])
def test_every_image_comes_once_in_order_however_slow_its_taker(tmp_path: Path, glob: str) -> None:
    write_images(tmp_path, list(range(50)))
    (tmp_path / "0010.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("not even meant to be one")
    with Watched(str(tmp_path) + glob, Capture(image_fps=10), fast=True) as watched:
        assert watched.source.waits
        _wait_end(watched)
    assert _levels(watched) == [level for level in range(50) if level != 10]
    assert watched.undecodable == 1
    assert [frame.position_s for frame in watched.frames][:3] == [0.0, 0.1, 0.2]
    assert watched.reconnects == []


def test_images_at_their_own_pace_loop(tmp_path: Path) -> None:
    write_images(tmp_path, [10, 20, 30])
    with Watched(str(tmp_path), Capture(image_fps=50), loop=True) as watched:
        watched.wait(lambda: len(watched.frames) >= 10, "three rounds")
    assert _levels(watched)[:10] == [10, 20, 30] * 3 + [10]
    took_s = watched.frames[9].stamp.monotonic - watched.frames[0].stamp.monotonic
    assert took_s >= 9 / 50 * 0.9
    seqs = [frame.seq for frame in watched.frames]
    assert seqs == list(range(len(seqs)))


def test_slow_images_are_no_stall(tmp_path: Path) -> None:
    write_images(tmp_path, [10, 20])
    slow = Capture(image_fps=1.0, stalled_after_s=0.3, read_timeout_s=0.6)
    with Watched(str(tmp_path), slow) as watched:
        _wait_end(watched)
    assert [state for _, state, _ in watched.states] == [Reception.CONNECTING, Reception.OK]


def test_an_empty_folder_is_down_until_images_are_there(tmp_path: Path) -> None:
    with Watched(str(tmp_path), fast=True, random=lambda: 0.1) as watched:
        watched.wait(lambda: watched.reconnects, "nothing there")
        assert watched.states[-1][1:] == (Reception.DOWN, Reason.NOT_FOUND)
        write_images(tmp_path, [10, 20, 30])
        _wait_end(watched)
    assert _levels(watched)[-3:] == [10, 20, 30]


def test_a_child_over_its_memory_bound_is_ended_and_counted(tmp_path: Path) -> None:
    write_images(tmp_path, [10])
    with Watched(str(tmp_path), Capture(max_child_mb=20), loop=True, random=lambda: 0.1) as watched:
        watched.wait(lambda: len(watched.reconnects) >= 2, "ended twice")
    assert set(watched.reconnects) == {Reason.MEMORY}


def test_a_picture_too_large_for_the_bound_does_not_reach_the_parent(tmp_path: Path) -> None:
    write_images(tmp_path, [10])
    with Watched(str(tmp_path), Capture(max_child_mb=0), loop=True, random=lambda: 0.1) as watched:
        watched.wait(lambda: watched.reconnects, "refused")
    assert watched.frames == []


def test_a_missing_device() -> None:
    with Watched("v4l2:/dev/video99", random=lambda: 0.1) as watched:
        watched.wait(lambda: watched.reconnects, "not found")
    assert watched.states[-1][1:] == (Reception.DOWN, Reason.NOT_FOUND)


def test_twenty_restarts_leave_nothing_behind() -> None:
    me = psutil.Process()
    with mjpeg_camera() as camera, Watched(camera.url) as watched:
        watched.more()
        counts = []
        for number in range(20):
            pid = watched.source.child_pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            watched.wait(lambda want=number + 1: len(watched.reconnects) >= want, "noticed")  # type: ignore[misc]
            watched.more(2)
            counts.append((*_rings(me.pid), _sockets(me)))
            (child,) = me.children()
            # Memory with a name would outlive a SIGKILL.
            assert "/dev/shm/" not in Path(f"/proc/{child.pid}/maps").read_text()
    assert set(watched.reconnects) == {Reason.CRASHED}
    # One ring; its file is open once for its locks and once by the mmap object, which keeps a descriptor of its own.
    assert {mapped for mapped, _, _ in counts} == {1}
    assert {opened for _, opened, _ in counts} == {2}
    # The child's and the camera's own; the camera may be slow to see that the one before is gone.
    assert counts[-1][2] <= counts[0][2] + 1
    assert me.children() == []
    assert _rings(me.pid) == (0, 0)


def _rings(pid: int) -> tuple[int, int]:
    """How often a process has rings mapped, and how often open."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    mapped = Path(f"/proc/{pid}/maps").read_text().count("memfd:edge-camera-frames")
    return mapped, sum("memfd:edge-camera-frames" in _target(link) for link in links)


def _sockets(me: psutil.Process) -> int:
    return sum("socket:" in _target(link) for link in Path(f"/proc/{me.pid}/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


_PARENT = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from capture_support import Watched
with Watched(sys.argv[1]) as watched:
    watched.more()
    print(watched.source.child_pid, flush=True)
    threading.Event().wait()
"""


def test_a_child_does_not_outlive_its_parent() -> None:
    with mjpeg_camera() as camera:
        command = [sys.executable, "-c", _PARENT, camera.url, str(Path(__file__).parents[1])]
        parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        parent.communicate(timeout=10)
        # A pidfd is readable once its process has ended.
        assert select.select([child], [], [], 10)[0]
        os.close(child)


def test_a_stop_is_quick_in_every_phase(tmp_path: Path) -> None:
    write_images(tmp_path, [10])
    for count in (0, 1):
        with Watched(str(tmp_path), Capture(image_fps=0.1), loop=True) as watched:
            watched.wait(lambda want=count: len(watched.frames) >= want, "under way")  # type: ignore[misc]
            watched.stop.set()
            watched.thread.join(2)
            assert not watched.thread.is_alive()
    assert psutil.Process().children() == []
    assert threading.active_count() < 20
