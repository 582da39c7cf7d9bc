"""Backoff, watchdog, states, backlog, credentials and URLs: decisions on given moments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.capture.backoff import FIRST_S, GOOD_S, LONGEST_S, Backoff
from edge_camera.capture.credentials import CredentialsError, read_credentials
from edge_camera.capture.grab import Backlog, reason_of
from edge_camera.capture.messages import Job, Kind, Opened, Reason, decode, encode
from edge_camera.capture.spec import Capture, capture_faults, kind_of, target_of, url_fault
from edge_camera.capture.watchdog import Limits, Reception, Report, Watchdog


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=2000))
def test_delays_lie_between_zero_and_a_doubling_bound(dice: list[float]) -> None:
    rolls = iter(dice)
    backoff = Backoff(lambda: next(rolls))
    for number, die in enumerate(dice):
        ceiling = min(LONGEST_S, FIRST_S * 2 ** min(number, 10))
        assert backoff.delay(0.0) == pytest.approx(die * ceiling)


@pytest.mark.parametrize(
    ("good_s", "delay"),
    [pytest.param(GOOD_S - 0.1, 4.0, id="too-short"), pytest.param(GOOD_S, FIRST_S, id="a-minute")],
)
def test_a_minute_of_frames_starts_the_backoff_anew(good_s: float, delay: float) -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.delay(0) for _ in range(3)] == [0.5, 1.0, 2.0]
    backoff.good(100.0)
    backoff.good(100.0 + good_s / 2)
    assert backoff.delay(100.0 + good_s) == delay


def test_good_moments_before_a_failure_do_not_count_after_it() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.good(0.0)
    backoff.delay(1.0)
    backoff.good(2.0)
    assert backoff.delay(GOOD_S + 1.0) == 1.0


LIMITS = Limits(open_timeout_s=15, read_timeout_s=5, stalled_after_s=3, max_child_mb=100)


@pytest.mark.parametrize(
    ("opened", "frame", "now", "memory", "verdict", "stalled"),
    [
        pytest.param(None, None, 14.9, 50, None, False, id="opening"),
        pytest.param(None, None, 15.0, 50, Reason.OPEN_TIMEOUT, False, id="never-open"),
        pytest.param(10, None, 12.9, 50, None, False, id="open"),
        pytest.param(10, None, 13.0, 50, None, True, id="open-and-silent"),
        pytest.param(10, None, 15.0, 50, Reason.READ_TIMEOUT, True, id="no-first-frame"),
        pytest.param(10, 20, 22.9, 50, None, False, id="reading"),
        pytest.param(10, 20, 23.0, 50, None, True, id="stalled"),
        pytest.param(10, 20, 25.0, 50, Reason.READ_TIMEOUT, True, id="hung"),
        pytest.param(10, 20, 20.1, 101, Reason.MEMORY, False, id="grown"),
        pytest.param(None, None, 1.0, 101, Reason.MEMORY, False, id="grown-while-opening"),
    ],
)
def test_watchdog(
    opened: float | None, frame: float | None, now: float, memory: float, verdict: Reason | None, stalled: bool
) -> None:
    dog = Watchdog(LIMITS, 0.0)
    if opened is not None:
        dog.open(opened)
    if frame is not None:
        dog.frame(frame)
    assert (dog.verdict(now, memory), dog.stalled(now)) == (verdict, stalled)


@given(st.none() | st.floats(0, 100), st.floats(0, 200))
def test_nothing_changes_before_the_watchdog_says_that_it_may(last: float | None, now: float) -> None:
    dog = Watchdog(LIMITS, 0.0)
    if last is not None:
        dog.frame(last)
    due = dog.due(now, 1000.0)
    before = (dog.verdict(now, 0), dog.stalled(now))
    just_before = now + max(0.0, due - 1e-6)
    assert 0 <= due <= 1000
    assert (dog.verdict(just_before, 0), dog.stalled(just_before)) == before


def test_states_tell_what_is_known_and_do_not_flicker() -> None:
    report = Report()
    assert report.state is Reception.CONNECTING
    assert report.ended(had_frames=False) is Reception.DOWN
    assert report.ended(had_frames=False) is Reception.DOWN
    assert report.frame() is Reception.OK
    assert report.ended(had_frames=True) is Reception.CONNECTING
    assert report.frame() is Reception.OK
    assert report.silent() is Reception.STALLED
    assert report.ended(had_frames=True) is Reception.STALLED
    assert report.ended(had_frames=False) is Reception.DOWN
    assert report.silent() is Reception.DOWN
    assert report.frame() is Reception.OK
    assert report.silent() is Reception.STALLED


@pytest.mark.parametrize(
    ("frames", "kept"),
    [
        pytest.param(
            [(0.0, 0.0), (0.001, 0.0), (0.002, 0.07), (0.003, 0.13), (0.07, 0.2), (0.071, 0.27)], [4, 5], id="burst"
        ),
        pytest.param([(0.0, 0.0), (0.066, 0.066), (0.13, 0.13)], [1, 2], id="live"),
        pytest.param([(0.0, 0.0), (0.066, 0.0), (0.13, 0.0)], [1, 2], id="no-times"),
        pytest.param([(0.0, 9.0), (0.066, 1.0)], [1], id="times-jump-back"),
        pytest.param([(index / 1000, float(index)) for index in range(3002)], [3000, 3001], id="faster-for-ever"),
    ],
)
def test_what_piled_up_while_opening_is_left_out(frames: list[tuple[float, float]], kept: list[int]) -> None:
    backlog = Backlog()
    assert [index for index, (now, at) in enumerate(frames) if not backlog.holds(now, at)] == kept


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("[OPENCV:FFMPEG:16] method DESCRIBE failed: 401 (Unauthorized)", Reason.AUTH),
        ("[OPENCV:FFMPEG:16] method DESCRIBE failed: 404 (Not Found)", Reason.NOT_FOUND),
        ("[OPENCV:FFMPEG:16] method SETUP failed: 461 (Unsupported Transport)", Reason.OPEN_FAILED),
        ("Connection to tcp://10.0.0.1:554?timeout=0 failed: Connection refused", Reason.UNREACHABLE),
        ("Failed to resolve hostname cam3.local: Name or service not known", Reason.UNREACHABLE),
        ("", Reason.OPEN_FAILED),
    ],
)
def test_ffmpegs_words_become_ours(words: str, reason: Reason) -> None:
    failure = reason_of(words + " rtsp://u:hunter2@cam3.local/")
    assert failure.reason is reason
    assert "hunter2" not in failure.detail


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(b"admin:pass", ("admin", "pass"), id="plain"),
        pytest.param(b"admin:p:a:ss\n", ("admin", "p:a:ss"), id="colons-and-line-break"),
        pytest.param(b"admin:\r\n", ("admin", ""), id="empty-password"),
        pytest.param("jürgen:größe".encode(), ("jürgen", "größe"), id="utf-8"),
        pytest.param(b"admin", None, id="no-colon"),
        pytest.param(b":hunter2", None, id="no-user"),
        pytest.param(b"admin:hunter2\nroot:hunter2", None, id="two-lines"),
        pytest.param(b"admin:hunter2\xff", None, id="not-utf-8"),
        pytest.param(b"a:hunter2" + b"x" * 4096, None, id="too-long"),
        pytest.param(None, None, id="no-file"),
    ],
)
def test_credentials(tmp_path: Path, raw: bytes | None, found: tuple[str, str] | None) -> None:
    path = tmp_path / "dock-3"
    if raw is not None:
        path.write_bytes(raw)
    if found is not None:
        assert read_credentials(path) == found
        return
    with pytest.raises(CredentialsError, match=str(path)) as caught:
        read_credentials(path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kind", "target"),
    [
        ("rtsp://cam3.local/stream1", Kind.RTSP, "rtsp://cam3.local/stream1"),
        ("RTSP://cam3.local/", Kind.RTSP, "RTSP://cam3.local/"),
        ("https://cam3.local/video.mjpg", Kind.MJPEG, "https://cam3.local/video.mjpg"),
        ("v4l2:/dev/video0", Kind.V4L2, "/dev/video0"),
        ("/data/shots/*.jpg", Kind.IMAGES, "/data/shots/*.jpg"),
        ("file:///data/one.PNG", Kind.IMAGES, "/data/one.PNG"),
    ],
)
def test_urls(url: str, kind: Kind, target: str) -> None:
    assert url_fault(url) is None
    assert kind_of(url) is kind
    assert target_of(url, kind) == target


def test_a_folder_is_images_and_a_clip_is_none_of_this(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path)) is Kind.IMAGES
    assert kind_of("/data/clip.mp4") is None
    assert url_fault("/data/clip.mp4") is None


@pytest.mark.parametrize(
    "url",
    ["", "rtsp://", "rtsp://cam:0/", "rtsp://cam:notaport/", "http://u:hunter2@cam/", "rtsp://cam/\r\nX: y", "v4l2:video0", "srt://cam/"],
)  # fmt: skip
def test_bad_urls(url: str) -> None:
    fault = url_fault(url)
    assert fault is not None
    assert "hunter2" not in fault


def test_settings_have_bounds() -> None:
    assert capture_faults(Capture()) == []
    bad = Capture(
        transport="sctp", open_timeout_s=0, read_timeout_s=0, stalled_after_s=0, max_child_mb=1, image_fps=0
    )  # fmt: skip
    keys = [key for key, _, _ in capture_faults(bad)]
    assert keys == ["transport", "open_timeout_s", "read_timeout_s", "stalled_after_s", "max_child_mb", "image_fps"]


@given(st.binary(max_size=200))
def test_no_bytes_of_a_child_upset_the_parent(data: bytes) -> None:
    decode(data)


def test_messages_go_there_and_back() -> None:
    assert decode(encode(Opened())) == Opened()
    assert decode(b'{"type":"other"}') is None


def test_a_jobs_words_hold_no_password() -> None:
    job = Job(kind=Kind.RTSP, target="rtsp://cam/", parent=1, user="admin", password="hunter2")
    assert "hunter2" not in f"{job} {job!r}"
