"""Every fault of a config file is one line that names file, key, what was wanted and what was found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_camera.config import read_config
from edge_camera.source import open_video
from edge_common.errors import StartError

INFERENCE = '[inference]\nurl = "http://h:8080"\nmodel = "m"\n'
CAMERA = '[[camera]]\nname = "dock-3"\nurl = "clip.mp4"\n'


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    return path


def test_defaults_and_a_file_url(tmp_path: Path) -> None:
    text = INFERENCE + '[[camera]]\nname = "a"\nurl = "file:///tmp/a%20b.mp4"\nfps = 10\n[sinks]\nstdout = true\n'
    config = read_config(_write(tmp_path, text))
    camera = config.camera[0]
    assert camera.path == Path("/tmp/a b.mp4")
    assert (camera.fps, camera.max_side, camera.keepalive_s) == (10.0, 960, 10.0)
    assert (camera.loop, camera.speed, config.inference.deadline_ms) == (False, "natural", 500)
    assert config.sinks.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("inference = [", ["not valid TOML"], id="not toml"),
        pytest.param(INFERENCE, ["camera", "required"], id="no camera"),
        pytest.param(INFERENCE + "camera = []\n", ["inference.camera"], id="camera in the wrong table"),
        pytest.param("camera = []\n" + INFERENCE, ["[[camera]]", "1 to 64", "0"], id="empty list"),
        pytest.param(CAMERA, ["inference", "required"], id="no inference"),
        pytest.param(
            INFERENCE.replace("http://h:8080", "h:8080") + CAMERA,
            ["inference.url", "http://HOST:PORT", "no scheme://"],
            id="url without scheme",
        ),
        *(
            pytest.param(INFERENCE.replace("http://h:8080", url) + CAMERA, ["inference.url", "http://HOST"], id=url)
            for url in (
                "http://ho st:8080",
                "http://ho%zzst:8080",
                "http://a<b>:8080",
                "http://h:99999",
                f"http://{'a' * 64}.x",
                "http://a..b",
                "http://[::1",
                "http://h?key=x",
                "http://h/#x",
            )
        ),
        pytest.param(
            INFERENCE + "deadline_ms = 0\n" + CAMERA, ["inference.deadline_ms", "1 to 60000", "0"], id="deadline"
        ),
        pytest.param(INFERENCE + "candidate = 'x'\n" + CAMERA, ["inference.candidate", "a table", "x"], id="candidate"),
        pytest.param(
            INFERENCE + "candidate = {url = 'tcp://a'}\n" + CAMERA,
            ["inference.candidate.url", "http"],
            id="candidate url",
        ),
        pytest.param(
            INFERENCE + "candidate = {url = 'http://a', mode = 'both'}\n" + CAMERA,
            ["candidate.mode", "split"],
            id="candidate mode",
        ),
        pytest.param(
            INFERENCE + "candidate = {url = 'http://a', share = 1.5}\n" + CAMERA,
            ["candidate.share", "0 to 1"],
            id="candidate share",
        ),
        pytest.param(INFERENCE + "max_in_flight = 0\n" + CAMERA, ["max_in_flight", "1 to 64"], id="in flight"),
        pytest.param(INFERENCE + CAMERA + "fsp = 5\n", ["camera[0].fsp", "unknown key", "fps"], id="typo"),
        pytest.param(
            INFERENCE + CAMERA + "motion = {min_area = 2}\n", ["camera dock-3: motion.min_area", "2"], id="motion"
        ),
        pytest.param(
            INFERENCE + CAMERA + "mask = [[[0,0],[0,1.5],[1,1]]]\n", ["camera dock-3: mask[0][1]", "0 to 1"], id="mask"
        ),
        pytest.param(INFERENCE + CAMERA + "health = {look_fps = 0}\n", ["camera dock-3: health.look_fps"], id="health"),
        pytest.param(INFERENCE + CAMERA + "fps = 0\n", ["camera dock-3: fps", "0.01 to 240"], id="fps zero"),
        pytest.param(INFERENCE + CAMERA + "fps = nan\n", ["camera dock-3: fps", "0.01 to 240", "nan"], id="fps nan"),
        pytest.param(INFERENCE + CAMERA + "fps = '5'\n", ["camera[0].fps", "'5'"], id="fps a string"),
        pytest.param(INFERENCE + CAMERA + "max_side = 8\n", ["camera dock-3: max_side", "8"], id="max_side"),
        pytest.param(INFERENCE + CAMERA + "keepalive_s = 0\n", ["camera dock-3: keepalive_s"], id="keepalive"),
        pytest.param(INFERENCE + CAMERA + "speed = 'slow'\n", ["speed", "natural or fast", "slow"], id="speed"),
        pytest.param(
            INFERENCE + CAMERA.replace("dock-3", "Dock 3"), ["camera[0].name", "RFC 1123", "Dock 3"], id="name"
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://user:hunter2@a/b"),
            ["camera dock-3: url", "without user"],
            id="password",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + "credentials = '/nowhere'\n",
            ["camera dock-3: credentials", "user:password", "/nowhere"],
            id="no credentials file",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + f"credentials = '/{'x' * 300}'\n",
            ["camera dock-3: credentials", "user:password", "File name too long"],
            id="credentials name too long",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + "credentials = 'a\\u0000'\n".replace("'", '"'),
            ["camera dock-3: credentials", "not a path"],
            id="credentials with NUL",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "file://[abc/x.mp4"),
            ["camera dock-3: url", "file:///PATH"],
            id="[abc",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "a\\u0000"),
            ["camera dock-3: url", "a video file"],
            id="url with NUL",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a..b/c"), ["camera dock-3: url", "rtsp://HOST"], id="host"
        ),
        pytest.param(
            INFERENCE + CAMERA + "credentials = '/etc/hosts'\n", ["credentials", "none for"], id="credentials of a file"
        ),
        pytest.param(
            INFERENCE + CAMERA + "capture = {transport = 'x'}\n", ["capture.transport", "tcp or udp"], id="capture"
        ),
        pytest.param(INFERENCE + CAMERA * 2, ["camera[1].name", "no other", "dock-3"], id="duplicate"),
        pytest.param(INFERENCE + CAMERA.replace("clip.mp4", ""), ["camera dock-3: url"], id="empty url"),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "v4l2:video0"), ["camera dock-3: url", "v4l2:/dev/videoN"], id="v4l2"
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + "loop = true\n",
            ["camera dock-3: loop", "a camera has no end"],
            id="loop of a camera",
        ),
        pytest.param(
            INFERENCE + CAMERA + "[sinks]\nmqtt = {url = 'b'}\n", ["sinks.mqtt.url", "mqtt://HOST"], id="mqtt"
        ),
        pytest.param(
            INFERENCE + CAMERA + "[alert.day]\nclass = 'a'\n[alert.night]\nclass = 8\n",
            ["alert.night.class: want a string, found 8"],
            id="alert type",
        ),
        pytest.param(
            INFERENCE + CAMERA + "[alert.night]\nclass = 'person'\nhours = '25:00-26:00'\n",
            ["alert.night.hours", "HH:MM"],
            id="alert",
        ),
    ],
)
def test_config_fault(tmp_path: Path, text: str, words: list[str]) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(StartError) as fault:
        read_config(path)
    message = str(fault.value)
    assert "\n" not in message
    assert all(word in message for word in [str(path), *words]), message


def test_a_password_in_a_url_is_not_repeated(tmp_path: Path) -> None:
    text = INFERENCE + CAMERA.replace("clip.mp4", "rtsp://admin:hunter2@cam/1")
    with pytest.raises(StartError, match="found 'rtsp'") as fault:
        read_config(_write(tmp_path, text))
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize("key", ["url", "candidate"])
@pytest.mark.parametrize("url", ["http://bob:hunter2@h:80", "htp://bob:hunter2@h:80", "http://h/bob:hunter2@x"])
def test_a_password_in_the_inference_url_is_refused_and_not_repeated(tmp_path: Path, key: str, url: str) -> None:
    text = INFERENCE.replace("http://h:8080", url) if key == "url" else INFERENCE + f"candidate = {{url = '{url}'}}\n"
    with pytest.raises(StartError, match="without user, password") as fault:
        read_config(_write(tmp_path, text + CAMERA))
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize(
    "url",
    ["http://belt-detector:8080", "https://a.example/base/", "http://[::1]:8080", "http://10.0.0.1", "http://a_b"],
)
def test_addresses_of_a_service(tmp_path: Path, url: str) -> None:
    assert read_config(_write(tmp_path, INFERENCE.replace("http://h:8080", url) + CAMERA)).inference.url == url


def test_a_path_that_cannot_be_looked_at_is_told_when_it_is_opened(tmp_path: Path) -> None:
    name = "/" + "x" * 300 + ".mp4"
    camera = read_config(_write(tmp_path, INFERENCE + CAMERA.replace("clip.mp4", name))).camera[0]
    with pytest.raises(StartError, match=r"file name too long$"):
        open_video(camera.path)


def test_a_path_that_may_hold_a_password_is_not_repeated() -> None:
    with pytest.raises(StartError, match="a path with @: no such video file") as fault:
        open_video(Path("rstp:/admin:hunter2@cam/1"))
    assert "hunter2" not in str(fault.value)


def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(StartError, match=r"camera\[0\].credentials.*Permission denied"):
        read_config(
            _write(tmp_path, INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + f"credentials = '{closed}/c'\n")
        )
    with pytest.raises(StartError, match="permission denied"):
        open_video(closed / "clip.mp4")
