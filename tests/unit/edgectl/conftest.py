"""`edgectl` as its user calls it, and a bundle to call it with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import onnx_models
from edgectl.bundle.create import create_bundle
from edgectl.main import main
from edgectl_support import Run, X


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call edgectl with arguments; return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgectl", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code if isinstance(left.value.code, int) else 0, out, err

    return call


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """x -> y = 2 x, with one golden sample."""
    graph = onnx_models.doubler(tmp_path / "doubler.onnx")
    return create_bundle(graph, tmp_path / "doubler", name="doubler", version="1.0.0", inputs=[X]).directory
