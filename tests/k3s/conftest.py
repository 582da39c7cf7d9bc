"""A gateway, and what is carried to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from k3s_support import Box, carried


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box.make(tmp_path / "box")


@pytest.fixture
def carry(tmp_path: Path) -> Path:
    return carried(tmp_path / "carry")
