"""`edgectl status` on terminals of any width: what says which release, and whether it is there, is never shortened."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from edgectl.status.rows import CameraRow, Rollout, Row, Use
from edgectl.status.table import tables

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
USE = Use(0.25, 1.0, 120 * 2**20, 256 * 2**20)


def shown(width: int, *rows: Row) -> list[str]:
    to = io.StringIO()
    Console(file=to, width=width, highlight=False).print(tables(rows, [], NOW, namespaces=False))
    return [line.rstrip() for line in to.getvalue().splitlines()]


def a_row(track: str = "inference", cameras: tuple[CameraRow, ...] = ()) -> Row:
    rollout = Rollout(14, "deployed", NOW, "2.10.1", "good", "watch", "", "nothing", present=True)
    return Row(
        "edge", "belt-detector-north", track, "belt-detector", "2.10.1", "0123456789ab", 1, 2, 3, 12.5, "10-25 ms",
        USE, rollout, cameras, (),
    )  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 180])
def test_release_version_and_readiness_are_whole(width: int) -> None:
    lines = shown(width, a_row())
    assert len(lines) >= 2 and max(map(len, lines)) <= width
    assert lines[1].split()[0] == "belt-detector-north"
    assert "2.10.1" in lines[1].split() and "1/2" in lines[1].split()
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (180, ["image", "cpu", "MiB", "decided", "p95"], []),
        (120, ["cpu", "model", "rollout", "decided", "p95"], ["image"]),
        (80, ["release", "version", "ready", "calls/s", "p95"], ["image", "MiB", "cpu"]),
        (46, ["release", "version", "ready", "p95"], ["image", "cpu", "rollout", "calls/s"]),
    ],
)
def test_what_goes_first_and_what_last(width: int, there: list[str], gone: list[str]) -> None:
    lines = shown(width, a_row())
    names = lines[0].split()
    assert set(there) <= set(names) and not set(gone) & set(names)
    told = " ".join(lines[2:])
    assert all(each in told for each in gone) and ("left out" in told) == (width < 180)


def test_so_it_is_with_cameras() -> None:
    camera = CameraRow("north-gate-entrance", "blurred", 4.8, "100-250 ms")
    lines = shown(60, a_row("camera-ingest", (camera,)))
    assert {"belt-detector-north", "north-gate-entrance", "blurred", "1/2"} <= set(lines[1].split())
