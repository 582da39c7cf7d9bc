"""A changed config file is applied once, a bad one refused once, and a ConfigMap's turned link is a change."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from edge_camera.config import Config, read_config
from edge_camera.ingest import Difference
from edge_camera.metrics import Reloaded
from edge_camera.reload import LOOK_S, MAX_DETAIL, ConfigView, Reloader
from edge_common.errors import StartError

TEXT = '[inference]\nurl = "http://a:1"\nmodel = "m"\n[[camera]]\nname = "{}"\nurl = "a.mp4"\n'


class Seen:
    """What was applied and counted; `fault` refuses."""

    def __init__(self, path: Path) -> None:
        self.names: list[str] = []
        self.counted: list[Reloaded] = []
        self.details: list[str] = []
        self.fault = ""
        self.bug: Exception | None = None
        self.now = 0.0
        self.reloader = Reloader(path, self.now)

    def apply(self, config: Config) -> Difference:
        if self.fault:
            raise StartError(self.fault)
        if self.bug is not None:
            raise self.bug
        self.names.append(config.camera[0].name)
        return Difference([config.camera[0].name], [], [])

    def tell_config(self, what: Reloaded, detail: str) -> None:
        self.counted.append(what)
        self.details.append(detail)

    def look(self) -> None:
        self.now += LOOK_S
        self.reloader.look(self.now, self)


def test_a_change_is_applied_once_and_looked_for_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    seen.look()
    assert seen.names == [], "nothing has changed since the start"
    path.write_text(TEXT.format("bb"))
    seen.reloader.look(seen.now + LOOK_S / 2, seen)
    assert seen.names == []
    seen.look()
    seen.look()
    assert (seen.names, seen.counted) == (["bb"], [Reloaded.APPLIED])
    assert seen.details == ["added bb"]


def test_a_bad_config_is_refused_once_in_one_line_and_a_good_one_after_it_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    path.write_text(TEXT.format("a") + "speed = 'slow'\n")
    seen.look()
    seen.look()
    assert seen.counted == [Reloaded.REFUSED]
    assert "speed" in seen.details[0] and str(path) in seen.details[0]
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "camera a: speed" in record.getMessage() and "\n" not in record.getMessage()
    path.unlink()
    seen.look()
    assert seen.counted == [Reloaded.REFUSED], "while the file is being replaced there may be none"
    path.write_text(TEXT.format("good"))
    seen.look()
    assert (seen.names, seen.counted[-1]) == (["good"], Reloaded.APPLIED)
    seen.fault = "sinks: want those of the start"
    path.write_text(TEXT.format("others"))
    seen.look()
    assert seen.names == ["good"] and seen.counted[-1] is Reloaded.REFUSED


def test_which_config_runs_is_known_by_its_hash_and_a_refusal_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"

    def sha256() -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    assert seen.reloader.first().camera[0].name == "a"
    first = sha256()
    assert seen.reloader.view() == ConfigView(sha256=first, refused=None)
    path.write_text(TEXT.format("a") + "speed = 'slow'\n")
    seen.look()
    view = seen.reloader.view()
    assert view.sha256 == first, "the old one goes on"
    assert view.refused is not None and "camera a: speed" in view.refused
    seen.bug = RuntimeError("hush")
    path.write_text(TEXT.format("bb"))
    seen.look()
    assert "RuntimeError" in (seen.reloader.view().refused or "") and seen.reloader.view().sha256 == first
    seen.bug = None
    path.write_text(TEXT.format("ccc"))
    seen.look()
    assert seen.reloader.view() == ConfigView(sha256=sha256(), refused=None)


def test_a_deleted_config_is_told_once_and_the_old_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    path.unlink()
    for _ in range(6):
        seen.look()
    assert (seen.names, seen.counted) == ([], [Reloaded.REFUSED])
    assert "no such file" in seen.details[0]
    path.write_text(TEXT.format("a"))
    seen.look()
    assert seen.counted[-1] is Reloaded.APPLIED


def test_a_fault_of_our_own_is_a_refusal_too_and_repeats_nothing_of_the_config(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    seen.bug = ValueError("http://bob:hunter2@h is none")
    path.write_text(TEXT.format("bb"))
    seen.look()
    assert seen.counted == [Reloaded.REFUSED]
    assert "ValueError at test_camera_reload.py:" in seen.details[0]
    assert "hunter2" not in seen.details[0] + caplog.text and "\n" not in seen.details[0]


def test_a_refusal_fits_into_an_event(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    path.write_text(TEXT.format("a") + f"speed = '{'x' * 200_000}'\n")
    seen.look()
    assert seen.counted == [Reloaded.REFUSED] and len(seen.details[0]) == MAX_DETAIL


def test_a_change_before_the_first_reading_is_found_by_the_first_look(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.format("a"))
    seen = Seen(path)
    read_config(path)
    path.write_text(TEXT.format("during-the-start"))
    seen.look()
    assert seen.names == ["during-the-start"]


def test_a_config_map_is_changed_by_turning_a_link_over(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "c.toml").write_text(TEXT.format(version))
    (tmp_path / "data").symlink_to("one")
    path = tmp_path / "c.toml"
    path.symlink_to("data/c.toml")
    seen = Seen(path)
    (tmp_path / "aside").symlink_to("two")
    (tmp_path / "aside").replace(tmp_path / "data")
    seen.look()
    assert seen.names == ["two"]
