"""The edge-camera process: its version, what it says at the start, and how it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from camera_support import model_server, write_clip

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))


def test_version() -> None:
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, f"edge-camera {version('edge-camera')}\n")


def test_a_wrong_flag_is_one_line() -> None:
    done = subprocess.run([PROGRAM, "--por", "80"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("edge-camera: ") and done.stderr.count("\n") == 1


def _config(folder: Path, url: str) -> Path:
    clip = write_clip(folder / "clip.mp4", frames=8, fps=30)
    path = folder / "cameras.toml"
    path.write_text(
        f'[inference]\nurl = "{url}"\nmodel = "square-detector"\ndeadline_ms = 30000\n'
        f'[[camera]]\nname = "dock-3"\nurl = "{clip}"\nspeed = "fast"\nloop = true\n'
        f'[[camera]]\nname = "dock-4"\nurl = "{clip}"\n'
    )
    return path


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_start_is_told_and_a_second_signal_ends_at_once(tmp_path: Path, second: signal.Signals) -> None:
    with model_server() as server:
        server.mode = "slow"
        command = [PROGRAM, str(_config(tmp_path, server.url)), "--host", "127.0.0.1", "--gateway", "gw-1"]
        command += ["--port", "0", "--metrics-port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = _until(process, "page on port")
            for words in ("gateway gw-1", "cameras dock-3, dock-4", "model square-detector", "metrics on port "):
                assert words in said
            assert server.asked.wait(10), "a worker waits for an answer that will not come for long"
            process.send_signal(signal.SIGTERM)
            _until(process, "stopping")
            process.send_signal(second)
            assert process.wait(10) == 128 + second


def test_a_change_told_during_the_start_is_applied_by_the_first_look(tmp_path: Path) -> None:
    """The config is a FIFO: who has it open for writing knows that the process is about to read."""
    text, fifo = _config(tmp_path, "http://127.0.0.1:9").read_text(), tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [PROGRAM, str(fifo), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            with fifo.open("w") as config:
                process.send_signal(signal.SIGHUP)
                config.write(text)
            assert "cameras dock-3, dock-4" in _until(process, "page on port")
            fifo.write_text(text.replace("dock-4", "dock-5"))
            assert _until(process, "new config") == "new config applied: added dock-5; removed dock-4"
        finally:
            process.kill()


def test_check_reads_settings_and_config_and_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text('[inference]\nurl = "http://h"\nmodel = "m"\n[[camera]]\nname = "a"\nurl = "none.mp4"\n')
    assert _check(path) == (0, "ok: config of 1 camera\n", "")
    assert _check(path, "--viewers", "0") == (2, "", "edge-camera check: --viewers='0': must be from 1 to 64\n")
    path.write_text(path.read_text() + "fps = 0\n")
    wanted = "want 0.01 to 240 frames a second, found 0.0"
    assert _check(path) == (2, "", f"edge-camera check: {path}: camera a: fps: {wanted}\n")


def _check(path: Path, *flags: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [PROGRAM, "check", str(path), *flags], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _until(process: subprocess.Popen[str], beginning: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        message = str(json.loads(line)["message"])
        if message.startswith(beginning):
            return message
    raise AssertionError(f"edge-camera ended without saying {beginning!r}")
