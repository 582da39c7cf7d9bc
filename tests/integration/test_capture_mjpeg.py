"""CaptureSource on a real HTTP server that sends MJPEG, or what else a camera may send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_support import MjpegCamera, Watched, closed_port, mjpeg_camera
from edge_camera.capture.messages import Reason
from edge_camera.capture.spec import Capture
from edge_camera.capture.watchdog import Reception

QUICK = Capture(open_timeout_s=2, read_timeout_s=1, stalled_after_s=0.5)


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    with mjpeg_camera() as running:
        yield running


@pytest.mark.parametrize("mood", ["good", "lengthless"])
def test_frames_come(camera: MjpegCamera, mood: str) -> None:
    camera.mood = mood
    with Watched(camera.url) as watched:
        watched.more(20)
    assert {frame.size for frame in watched.frames} == {(64, 48)}
    assert all(abs(frame.pixels.mean() - 90) < 2 for frame in watched.frames)
    assert (watched.reconnects, watched.undecodable, watched.resized) == ([], 0, 0)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        pytest.param("endless_head", Reason.OPEN_TIMEOUT, id="answer-never-begins"),
        pytest.param("trickling_head", Reason.READ_TIMEOUT, id="part-header-never-ends"),
        pytest.param("flooding_head", Reason.TOO_LARGE, id="part-header-without-bound"),
        pytest.param("page", Reason.NOT_A_STREAM, id="a-page"),
        pytest.param("elsewhere", Reason.OPEN_FAILED, id="redirect"),
    ],
)
def test_a_strange_server_is_counted_and_tried_anew(camera: MjpegCamera, mood: str, reason: Reason) -> None:
    camera.mood = mood
    with Watched(camera.url, QUICK, random=lambda: 0.1) as watched:
        watched.wait(lambda: len(watched.reconnects) >= 2, "two tries")
        assert set(watched.reconnects) == {reason}
        assert watched.state is Reception.DOWN
        assert camera.connections >= 2
        camera.mood = "good"
        watched.wait(lambda: watched.state is Reception.OK, "well again")


def test_a_size_that_changes_midway(camera: MjpegCamera) -> None:
    camera.mood = "resizing"
    with Watched(camera.url) as watched:
        watched.wait(lambda: watched.resized >= 4, "four changes")
    assert {frame.size for frame in watched.frames} == {(64, 48), (32, 80)}
    assert all(abs(frame.pixels.mean() - 90) < 2 for frame in watched.frames)
    assert watched.reconnects == []


def test_cut_off_pictures_are_counted_and_the_others_come(camera: MjpegCamera) -> None:
    camera.mood = "broken"
    with Watched(camera.url) as watched:
        watched.more(10)
        assert watched.undecodable >= 9
        assert watched.reconnects == []


def test_pictures_are_counted_though_none_can_be_decoded(camera: MjpegCamera) -> None:
    camera.mood = "undecodable"
    with Watched(camera.url, QUICK) as watched:
        watched.wait(lambda: watched.undecodable >= 5, "five of the first attempt")
        assert watched.reconnects == []
        watched.wait(lambda: watched.reconnects, "given up")
        counted = watched.undecodable
        watched.wait(lambda: watched.undecodable >= counted + 5, "five more, of the next attempt")
    assert watched.frames == []


def test_a_stream_that_opens_and_brings_nothing_does_not_flap(camera: MjpegCamera) -> None:
    camera.mood = "silent"
    with Watched(camera.url, QUICK) as watched:
        watched.wait(lambda: len(watched.reconnects) >= 3, "three attempts")
        told = [state for _, state, _ in watched.states]
        assert told == [Reception.CONNECTING, Reception.STALLED, Reception.DOWN]
        camera.mood = "good"
        watched.wait(lambda: watched.state is Reception.OK, "well again")


def test_a_size_that_changes_between_two_attempts_is_counted_once(camera: MjpegCamera) -> None:
    camera.mood = "changed_meanwhile"
    with Watched(camera.url) as watched:
        watched.wait(lambda: watched.frames and watched.frames[-1].size == (32, 80), "frames of the new size")
        watched.more()
    assert {frame.size for frame in watched.frames} == {(64, 48), (32, 80)}
    assert watched.resized == 1


def test_basic_authentication(camera: MjpegCamera, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera.require("admin:größe:hunter2")
    secret = tmp_path / "dock-3"
    secret.write_text("admin:wrong-hunter2")
    with Watched(camera.url, QUICK, credentials=secret, random=lambda: 0.1) as watched:
        watched.wait(lambda: watched.reconnects, "refused")
        assert watched.states[-1][1:] == (Reception.DOWN, Reason.AUTH)
        secret.write_text("admin:größe:hunter2")
        watched.more()
    assert "the camera answered 401" in caplog.text
    assert "hunter2" not in caplog.text


def test_nobody_there() -> None:
    with Watched(f"http://127.0.0.1:{closed_port()}/", random=lambda: 0.1) as watched:
        watched.wait(lambda: watched.reconnects, "refused")
    assert watched.states[-1][1:] == (Reception.DOWN, Reason.UNREACHABLE)
