"""CaptureSource on a real RTSP camera that hangs, dies, comes back and asks for a password."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_support import Watched, closed_port
from edge_camera.capture.messages import Reason
from edge_camera.capture.spec import Capture
from edge_camera.capture.watchdog import Reception
from rtsp import RtspCamera

pytestmark = pytest.mark.rtsp
# No wait of this file is one for a hung camera's whole default bound.
QUICK = Capture(open_timeout_s=10, read_timeout_s=1.5, stalled_after_s=0.6)
PASSWORD = "hunter2@:/%x"


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera() as running:
        yield running


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_come_at_the_cameras_pace(camera: RtspCamera, transport: str) -> None:
    with Watched(camera.url, Capture(transport=transport)) as watched:
        watched.wait(lambda: len(watched.frames) >= 20, "20 frames")
        frames = list(watched.frames)
    assert [state for _, state, _ in watched.states] == [Reception.CONNECTING, Reception.OK]
    assert {frame.size for frame in frames} == {(640, 480)}
    # A white ball on black: something was decoded.
    assert all(0.5 < frame.pixels.mean() < 20 and frame.pixels.max() > 200 for frame in frames)
    assert all(later.seq > sooner.seq for sooner, later in itertools.pairwise(frames))
    # 19 intervals at 15 frames a second; a burst of what piled up while opening would be shorter.
    assert frames[19].stamp.monotonic - frames[0].stamp.monotonic > 19 / 15 * 0.8
    # Its own memory, which no later frame changes.
    assert frames[0].pixels.base is None


def test_a_hung_camera_is_stalled_and_well_again_with_the_same_child(camera: RtspCamera) -> None:
    patient = Capture(stalled_after_s=0.6, read_timeout_s=60)
    with Watched(camera.url, patient) as watched:
        watched.more()
        pid = watched.source.child_pid
        camera.hang()
        watched.wait(lambda: watched.state is Reception.STALLED, "stalled")
        silent_s = watched.states[-1][0] - watched.frames[-1].stamp.monotonic
        assert 0.6 <= silent_s < 1.5
        camera.wake()
        watched.wait(lambda: watched.state is Reception.OK, "ok again")
        watched.more()
        assert watched.source.child_pid == pid
        assert watched.reconnects == []


def test_a_camera_that_stays_hung_is_tried_anew_until_it_wakes(camera: RtspCamera) -> None:
    with Watched(camera.url, Capture(open_timeout_s=2, read_timeout_s=1, stalled_after_s=0.5)) as watched:
        watched.more()
        seq = watched.frames[-1].seq
        camera.hang()
        watched.wait(lambda: Reason.OPEN_TIMEOUT in watched.reconnects, "an attempt at the hung camera")
        assert watched.reconnects[0] is Reason.READ_TIMEOUT
        camera.wake()
        watched.wait(lambda: watched.state is Reception.OK, "ok again")
        watched.more()
        assert watched.frames[-1].seq > seq
    told = [state for _, state, _ in watched.states]
    assert told == [Reception.CONNECTING, Reception.OK, Reception.STALLED, Reception.DOWN, Reception.OK]


def test_a_camera_that_is_gone_is_found_when_it_is_back(camera: RtspCamera) -> None:
    with Watched(camera.url, QUICK, random=lambda: 0.2) as watched:
        watched.more()
        camera.kill()
        watched.wait(lambda: watched.state is Reception.DOWN, "down")
        assert Reason.UNREACHABLE in watched.reconnects
        camera.start()
        watched.wait(lambda: watched.state is Reception.OK, "ok again")
        watched.more()


def test_a_new_size_after_a_restart_is_taken(camera: RtspCamera) -> None:
    with Watched(camera.url, QUICK, random=lambda: 0.2) as watched:
        watched.more()
        camera.kill()
        with RtspCamera("--size", "320x240", port=camera.port):
            watched.wait(lambda: watched.frames[-1].size == (320, 240), "small frames")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_dies_costs_a_moment(camera: RtspCamera, number: signal.Signals) -> None:
    with Watched(camera.url, QUICK) as watched:
        watched.more()
        pid = watched.source.child_pid
        assert pid is not None
        os.kill(pid, number)
        watched.wait(lambda: watched.reconnects == [Reason.CRASHED], "noticed")
        watched.more()
        assert watched.source.child_pid not in (None, pid)
    assert Reception.DOWN not in [state for _, state, _ in watched.states]


def test_a_child_that_hangs_is_replaced(camera: RtspCamera) -> None:
    with Watched(camera.url, QUICK) as watched:
        watched.more()
        pid = watched.source.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        watched.wait(lambda: watched.reconnects == [Reason.READ_TIMEOUT], "killed")
        watched.more()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_password_opens_and_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    secret = tmp_path / "dock-3"
    secret.write_text("admin:wrong-hunter2\n")
    with (
        RtspCamera("--user", "admin", "--password", PASSWORD) as camera,
        Watched(camera.url, QUICK, credentials=secret, random=lambda: 0.2) as watched,
    ):
        watched.wait(lambda: watched.reconnects, "refused")
        assert watched.reconnects[0] is Reason.AUTH
        assert watched.states[-1][1:] == (Reception.DOWN, Reason.AUTH)
        secret.write_text(f"admin:{PASSWORD}")
        watched.wait(lambda: watched.state is Reception.OK, "ok with the new secret")
        process = Path(f"/proc/{watched.source.child_pid}")
        public = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    out, err = capfd.readouterr()
    assert "camera dock-3: auth: the camera answered 401; trying again" in caplog.text
    assert b"edge_camera.capture.child" in public
    for text in (public.decode(), caplog.text, out, err, repr(watched.states)):
        assert "hunter2" not in text


def test_no_camera_and_no_credentials_file_are_states(tmp_path: Path) -> None:
    port = closed_port()
    with Watched(f"rtsp://127.0.0.1:{port}/stream", credentials=tmp_path / "none", random=lambda: 0.2) as watched:
        watched.wait(lambda: len(watched.reconnects) >= 2, "tries")
        assert set(watched.reconnects) == {Reason.CREDENTIALS}
        (tmp_path / "none").write_text("a:b")
        watched.wait(lambda: Reason.UNREACHABLE in watched.reconnects, "the camera itself")
    assert watched.state is Reception.DOWN


def test_a_healthy_camera_does_not_notice_a_hung_one(camera: RtspCamera) -> None:
    with RtspCamera() as other, Watched(camera.url, QUICK) as well, Watched(other.url, QUICK) as ill:
        well.more()
        ill.more()
        other.hang()
        ill.wait(lambda: ill.reconnects, "given up")
        well.more(20)
        assert [state for _, state, _ in well.states] == [Reception.CONNECTING, Reception.OK]
        assert threading.active_count() < 20
