"""Every fault of a config file is one line that names file, key, what was wanted and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_camera.config import read_config
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
            ["inference.url", "http://HOST:PORT", "h:8080"],
            id="url without scheme",
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
        pytest.param(INFERENCE + CAMERA + "motion = {min_area = 2}\n", ["camera[0].motion.min_area", "2"], id="motion"),
        pytest.param(
            INFERENCE + CAMERA + "mask = [[[0,0],[0,1.5],[1,1]]]\n", ["camera[0].mask[0][1]", "0 to 1"], id="mask"
        ),
        pytest.param(INFERENCE + CAMERA + "health = {look_fps = 0}\n", ["camera[0].health.look_fps"], id="health"),
        pytest.param(INFERENCE + CAMERA + "fps = 0\n", ["camera[0].fps", "0.01 to 240"], id="fps zero"),
        pytest.param(INFERENCE + CAMERA + "fps = nan\n", ["camera[0].fps", "0.01 to 240", "nan"], id="fps nan"),
        pytest.param(INFERENCE + CAMERA + "fps = '5'\n", ["camera[0].fps", "'5'"], id="fps a string"),
        pytest.param(INFERENCE + CAMERA + "max_side = 8\n", ["camera[0].max_side", "8"], id="max_side"),
        pytest.param(INFERENCE + CAMERA + "keepalive_s = 0\n", ["camera[0].keepalive_s"], id="keepalive"),
        pytest.param(INFERENCE + CAMERA + "speed = 'slow'\n", ["speed", "natural or fast", "slow"], id="speed"),
        pytest.param(
            INFERENCE + CAMERA.replace("dock-3", "Dock 3"), ["camera[0].name", "RFC 1123", "Dock 3"], id="name"
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://user:hunter2@a/b"),
            ["camera[0].url", "without user"],
            id="password",
        ),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "rtsp://a/b") + "credentials = '/nowhere'\n",
            ["camera[0].credentials", "user:password", "/nowhere"],
            id="no credentials file",
        ),
        pytest.param(
            INFERENCE + CAMERA + "credentials = '/etc/hosts'\n", ["credentials", "none for"], id="credentials of a file"
        ),
        pytest.param(
            INFERENCE + CAMERA + "capture = {transport = 'x'}\n", ["capture.transport", "tcp or udp"], id="capture"
        ),
        pytest.param(INFERENCE + CAMERA * 2, ["camera[1].name", "no other", "dock-3"], id="duplicate"),
        pytest.param(INFERENCE + CAMERA.replace("clip.mp4", ""), ["camera[0].url"], id="empty url"),
        pytest.param(
            INFERENCE + CAMERA.replace("clip.mp4", "v4l2:video0"), ["camera[0].url", "v4l2:/dev/videoN"], id="v4l2"
        ),
        pytest.param(
            INFERENCE + CAMERA + "[sinks]\nmqtt = {url = 'b'}\n", ["sinks.mqtt.url", "mqtt://HOST"], id="mqtt"
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
