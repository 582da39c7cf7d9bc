"""A candidate version beside the main one, with the real process and two real HTTP servers."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from camera_support import ModelServer, model_server
from live import until
from process_support import Outcome, Watched, clip_config, command_of, ports_of


def test_a_candidate_takes_its_share_of_the_frames(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    with model_server() as candidate:
        candidate.version = "2.0.0"
        config = clip_config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
        split = f'candidate = {{url = "{candidate.url}", mode = "split", share = 0.2}}\n[[camera]]'
        config.write_text(config.read_text().replace("[[camera]]", split))
        outcome = Outcome(tmp_path, config)
    assert outcome.totals["answered"] == 30
    assert (len(server.shapes), len(candidate.shapes)) == (24, 6)
    assert outcome.states("detection") == {"ok"}


@pytest.mark.parametrize("share", [1, 0.5])
def test_a_candidate_that_is_gone_costs_no_frame(tmp_path: Path, server: ModelServer, clip: Path, share: float) -> None:
    config = clip_config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
    split = f'candidate = {{url = "http://127.0.0.1:1", mode = "split", share = {share}}}\n[[camera]]'
    config.write_text(config.read_text().replace("[[camera]]", split))
    outcome = Outcome(tmp_path, config)
    assert outcome.totals["answered"] == len(server.shapes) == 30
    assert outcome.states("detection") == {"ok"}
    assert outcome.log.count("its frames go to the main version") == 1


def test_a_candidate_that_does_not_have_the_model_is_counted_and_asked_seldom(
    tmp_path: Path, server: ModelServer, clip: Path
) -> None:
    with model_server() as candidate:
        candidate.mode = "broken"
        config = clip_config(tmp_path, server.url, clip, "loop = true\n", 5000)
        split = f'candidate = {{url = "{candidate.url}", mode = "split"}}\n[[camera]]'
        config.write_text(config.read_text().replace("[[camera]]", split))
        with subprocess.Popen(command_of(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            watched = Watched(ports_of(process))
            until(lambda: watched.totals()["dock-3"]["answered"] >= 30, "answered all the same")
            text = watched.metrics()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        counted = {
            cause: float(text.partition(f'edge_camera_split_fallback_total{{cause="{cause}"}} ')[2].split()[0])
            for cause in ("failed", "resting")
        }
        assert 1 <= counted["failed"] <= len(candidate.shapes) <= 5 < counted["resting"]


def test_a_candidate_that_hangs_in_the_shadow_changes_nothing(tmp_path: Path, server: ModelServer, clip: Path) -> None:
    with model_server() as candidate:
        candidate.mode = "slow"
        config = clip_config(tmp_path, server.url, clip, 'speed = "fast"\n', 5000)
        config.write_text(
            config.read_text().replace("[[camera]]", f'candidate = {{url = "{candidate.url}"}}\n[[camera]]')
        )
        outcome = Outcome(tmp_path, config)
    assert outcome.totals["answered"] == len(server.shapes) == 30
    assert 1 <= len(candidate.shapes) < 30
