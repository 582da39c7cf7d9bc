"""A changed config in the real process: the difference is applied, and nobody else notices."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from jsonschema import Draft202012Validator

from camera_support import ModelServer
from live import until
from process_support import SCHEMA, Watched, command_of, ports_of


def _three(clip: Path, url: str, *cameras: str) -> str:
    """A config of cameras "name" or "name:further lines"."""
    parts = [camera.partition(":") for camera in cameras]
    body = "".join(
        f'[[camera]]\nname = "{name}"\nurl = "{clip}"\nfps = 240\nloop = true\n{more}\n' for name, _, more in parts
    )
    return f'[inference]\nurl = "{url}"\nmodel = "square-detector"\n{body}[sinks]\nstdout = true\n'


def test_a_changed_config_applies_the_difference_and_a_bad_one_is_refused(
    tmp_path: Path, server: ModelServer, clip: Path
) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(_three(clip, server.url, "same", "gone", "other"))
    with subprocess.Popen(command_of(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watched = Watched(ports_of(process))
        until(lambda: watched.totals()["same"]["answered"] > 3, "same is answered")
        config.write_text(_three(clip, server.url, "same", "new", "other:max_side = 64"))
        process.send_signal(signal.SIGHUP)
        until(lambda: set(watched.totals()) == {"same", "other", "new"}, "the difference is applied")
        until(lambda: watched.totals()["new"]["answered"] > 0, "new is answered")
        text = watched.metrics()
        assert 'camera="gone"' not in text
        assert 'edge_camera_fps{camera="new"} 240.0' in text
        assert 'edge_camera_config_reloads_total{outcome="applied"} 1.0' in text
        before = watched.totals()["same"]["captured"]
        config.write_text(_three(clip, server.url, "same:speed = 'slow'"))
        refused = 'edge_camera_config_reloads_total{outcome="refused"} 1.0'
        until(lambda: refused in watched.metrics(), "the bad one is refused")
        until(lambda: watched.totals()["same"]["captured"] > before, "the old one goes on")
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        Draft202012Validator(SCHEMA).validate(event)
    states = {event["camera_state"] for event in events if "camera_state" in event}
    assert states == {"ok"}, "a planned change, and the end of the process, is no fault of a camera"
    assert b"camera same: speed" in log
    told = [event["config"] for event in events if event["camera"] == "_pod"]
    assert [each["outcome"] for each in told] == ["applied", "refused"]
    assert told[0]["detail"] == "added new; changed other; removed gone" and "camera same: speed" in told[1]["detail"]


def test_a_change_of_the_alerts_alone_restarts_no_camera(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    config, rule = tmp_path / "cameras.toml", '[alert.{}]\nclass = "square"\n'
    config.write_text(_three(clip, server.url, "one", "two") + rule.format("old"))
    with subprocess.Popen(command_of(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watched = Watched(ports_of(process))
        until(lambda: all(each["answered"] > 3 for each in watched.totals().values()), "both are answered")
        before = watched.totals()
        config.write_text(_three(clip, server.url, "one", "two") + rule.format("new"))
        process.send_signal(signal.SIGHUP)
        until(lambda: 'reloads_total{outcome="applied"} 1.0' in watched.metrics(), "the new rules are applied")
        after = watched.totals()
        until(lambda: all(each["answered"] > after[name]["answered"] for name, each in watched.totals().items()), "on")
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert all(after[name]["captured"] >= before[name]["captured"] > 0 for name in before), "no books begun anew"
    events = [json.loads(line) for line in out.splitlines()]
    for name in before:
        mine = [event for event in events if event["camera"] == name]
        assert [event["camera_state"] for event in mine if event["kind"] == "state"] == ["ok"]
        assert [event["alert"]["rule"] for event in mine if event["kind"] == "alert"] == ["old", "new"]
    assert [event["config"]["detail"] for event in events if event["camera"] == "_pod"] == ["rules old, new"]
