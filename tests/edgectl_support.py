"""What the tests of edgectl share: how it is called, what it printed, and the input of its smallest model."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from edgectl.main import main

X = {"x": np.array([[1, 2]], np.float32)}
# Called with a command line; returns exit code, stdout and stderr.
Run = Callable[..., tuple[int, str, str]]


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
