"""How edge-camera's commands begin and end."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from edge_camera.tools.commands import COMMANDS, INTERRUPTED, mistyped, run_command


class _Stdout(io.StringIO):
    """Raises what it is told, flush by flush."""

    def __init__(self, *faults: BaseException) -> None:
        super().__init__()
        self.faults = list(faults)

    def flush(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([BrokenPipeError()], 0, id="reader-gone"),
        pytest.param([KeyboardInterrupt()], INTERRUPTED, id="ctrl-c"),
        pytest.param([BrokenPipeError(), KeyboardInterrupt()], INTERRUPTED, id="ctrl-c-ends-the-reader-first"),
    ],
)
def test_how_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[BaseException], code: int) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text('[inference]\nurl = "http://h"\nmodel = "m"\n[[camera]]\nname = "a"\nurl = "none.mp4"\n')
    stdout = _Stdout(*faults)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert run_command("check", [str(config)]) == code
    assert stdout.faults == []


def test_a_word_that_is_no_file_may_be_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("belt").touch()
    Path("gone").symlink_to("nowhere")
    assert mistyped("analyze") == f"analyze: no such file or directory; commands are {', '.join(COMMANDS)}"
    assert mistyped("a\x1b[31m").startswith("a\\x1b[31m: ")
    for word in ("belt", "gone", "./analyze", "cameras.toml", "/etc/none", "--port", ""):
        assert mistyped(word) == ""
