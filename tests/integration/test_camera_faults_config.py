"""Bad input at a real start: a config is refused in one line with exit code 2, the world outside degrades and no more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from books import assert_books_close
from edge_camera.spool.tools import read_all
from faults_support import PROGRAM, Pod, config, standin, write_clip
from live import until

HTTP = "http://127.0.0.1:1"
CAMERA = 'name = "dock-3"\nurl = "rtsp://127.0.0.1:1/stream"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(config(HTTP, CAMERA + "\nfsp = 5"), ["camera[0].fsp", "unknown key", "fps"], id="unknown key"),
        pytest.param(config("tcp://h", CAMERA), ["inference.url", "http://HOST:PORT", "tcp://h"], id="bad url"),
        pytest.param(
            config(HTTP, CAMERA.replace("rtsp://", "rtsp://a:hunter2@")),
            ["camera dock-3: url", "credentials"],
            id="password in the url",
        ),
        pytest.param(
            config(HTTP, CAMERA + '\ncredentials = "/nowhere/dock-3"'),
            ["camera dock-3: credentials", "/nowhere/dock-3", "user:password"],
            id="no credentials file",
        ),
        pytest.param(
            config(HTTP, CAMERA + "\nmask = [[[0, 0], [1.2, 0], [1, 1]]]"),
            ["camera dock-3: mask[0][1]", "0 to 1", "1.2"],
            id="polygon outside",
        ),
        pytest.param(config(HTTP, CAMERA, CAMERA), ["camera[1].name", "no other camera", "dock-3"], id="duplicate"),
    ],
)
def test_a_bad_config_is_one_line_that_names_the_key_and_the_fix(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    done = subprocess.run([PROGRAM, str(path)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"edge-camera: {path}: ")
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert "hunter2" not in done.stderr


def test_a_spool_that_cannot_be_written_is_counted_and_events_flow_and_it_heals(tmp_path: Path) -> None:
    """A file stands where its folder belongs; later it is gone."""
    clip, blocked = write_clip(tmp_path / "clip.mp4", frames=30, fps=30), tmp_path / "blocked"
    blocked.write_text("in the way")
    camera = f'name = "dock"\nurl = "{clip}"\nfps = 30\nloop = true\nkeepalive_s = 0.1'
    sinks = f'stdout = true\nspool = {{path = "{blocked}/spool", fsync = "event"}}'
    with standin() as service, Pod(tmp_path, config(service.url, camera, sinks=sinks)) as pod:
        until(lambda: len(pod.events(kind="detection")) >= 5, "live events flow")
        assert pod.sample("edge_camera_spool_faults_total", kind="write") >= 1
        assert pod.get("/v2/health/ready")
        assert any("spool" in line for line in pod.log), pod.log
        blocked.unlink()
        until(lambda: (blocked / "spool").is_dir() and list(read_all(blocked / "spool")), "written again")
        pod.stop()


def test_a_camera_whose_secret_goes_away_is_down_and_back_with_it(tmp_path: Path) -> None:
    """At the start a missing file is a fault of the config; later it is one of the world, and nobody stops."""
    secret, clip = tmp_path / "secret", write_clip(tmp_path / "clip.mp4", frames=10, fps=30)
    secret.write_text("viewer:hunter2")
    cameras = [
        f'name = "gone"\nurl = "http://127.0.0.1:1/video"\ncredentials = "{secret}"',
        f'name = "well"\nurl = "{clip}"\nfps = 30',
    ]
    with standin() as service, Pod(tmp_path, config(service.url, *cameras)) as pod:
        until(lambda: any("unreachable" in line for line in pod.log), "tried with the secret", 30)
        secret.unlink()
        until(lambda: any("credentials" in line for line in pod.log), "told that the file is gone", 30)
        assert pod.state("gone") == "down"
        until(lambda: pod.events(kind="summary", camera="well"), "the other one's end")
        assert_books_close(pod.metrics())
        pod.stop()
    assert not any("hunter2" in line for line in pod.log)
