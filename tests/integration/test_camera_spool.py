"""The real process with a spool under its sink: what could not be delivered before kill -9 comes out of the next run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import urllib3

from camera_support import model_server, write_clip
from edge_camera.spool.tools import read_all
from live import until

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))


def _ports(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    assert process.stderr is not None
    while not (message := json.loads(process.stderr.readline())["message"]).startswith("page on port"):
        pass
    words = message.replace(",", "").split()
    return int(words[3]), int(words[-1])


def test_events_that_could_not_go_out_survive_kill_9_in_order(tmp_path: Path) -> None:
    clip, spool = write_clip(tmp_path / "square.mp4", frames=10, fps=30), tmp_path / "spool"
    config = tmp_path / "cameras.toml"
    with model_server() as server:
        config.write_text(
            f'[inference]\nurl = "{server.url}"\nmodel = "square-detector"\ndeadline_ms = 5000\n'
            f'[[camera]]\nname = "dock-3"\nurl = "{clip}"\nspeed = "fast"\nfps = 240\nkeepalive_s = 0.1\n'
            f'[sinks]\nstdout = true\nspool = {{path = "{spool}", fsync = "event"}}\n'
        )
        command = [PROGRAM, str(config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"]
        # Nobody takes the events: standard output cannot be written to.
        with Path(os.devnull).open("rb") as unwritable:
            first = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=unwritable)
        page, metrics = _ports(first)

        def told() -> list[dict[str, Any]]:
            events: list[dict[str, Any]] = urllib3.request("GET", f"http://127.0.0.1:{page}/status").json()["events"]
            return events[::-1]

        until(lambda: told() and told()[-1]["kind"] == "summary", "the clip has ended")
        wanted = [event["id"] for event in told()]
        until(lambda: len(list(read_all(spool))) == len(wanted), "all of it is in the spool")
        text = urllib3.request("GET", f"http://127.0.0.1:{metrics}/metrics").data.decode()
        assert 'edge_camera_spool_dropped_total{cause="cap",priority="high"} 0.0' in text
        assert 'edge_camera_events_total{outcome="ok",sink="stdout"} 0.0' in text
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=10)
        second = subprocess.run([*command, "--exit-at-end", "true"], capture_output=True, timeout=60, check=False)
    assert second.returncode == 0, second.stderr.decode()
    found = [json.loads(line)["id"] for line in second.stdout.splitlines()]
    assert found[: len(wanted)] == wanted, "first what is older, in its order, each once"
    assert len(found) > len(wanted), "then what is new"
