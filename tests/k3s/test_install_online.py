"""install.sh on a box with a network: K3s is fetched and checked, the charts are packed on the box."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from k3s_support import CHART_NAMES, CHARTS, DATA, VERSION, Box, fetched, good, promised
from served import QuietHandler, serving


class Files(QuietHandler, SimpleHTTPRequestHandler):
    """The files of a folder."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the address of a mirror of K3s' releases, and the folder behind it."""
    folder = tmp_path / "mirror"
    source = fetched(tmp_path / "fetched")
    (folder / VERSION).mkdir(parents=True)
    (folder / VERSION / "k3s").write_bytes((source / "bin/k3s").read_bytes())
    (folder / VERSION / "install.sh").write_bytes((source / "bin/install-k3s.sh").read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    with serving(server, threading.Event()):
        yield f"http://127.0.0.1:{server.server_port}", folder


def online(box: Box, address: str, tmp_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    sums = tmp_path / "fetched/SHA256SUMS"
    mirror = ("--releases", address, "--scripts", address)
    return box.install("--version", VERSION, "--sums", sums, *mirror, *more)


def test_fetches_checks_and_packs_the_charts(box: Box, mirror: tuple[str, Path], tmp_path: Path) -> None:
    good(online(box, mirror[0], tmp_path))
    assert (box.root / "usr/local/bin/k3s").read_bytes() == (tmp_path / "fetched/bin/k3s").read_bytes()
    for name in CHART_NAMES:
        with tarfile.open(box.root / f"{DATA}/server/static/charts/{name}") as archive:
            chart = name.rpartition("-")[0]
            found = archive.extractfile(f"{chart}/Chart.yaml")
            assert found is not None and found.read() == (CHARTS / chart / "Chart.yaml").read_bytes()


def test_twice_fetches_once(box: Box, mirror: tuple[str, Path], tmp_path: Path) -> None:
    good(online(box, mirror[0], tmp_path))
    before = box.tree()
    (mirror[1] / VERSION / "k3s").unlink()
    good(online(box, mirror[0], tmp_path))
    assert box.tree() == before


@pytest.mark.parametrize("name", ["k3s", "install.sh"])
def test_tampered_files_are_never_run(box: Box, mirror: tuple[str, Path], tmp_path: Path, name: str) -> None:
    (mirror[1] / VERSION / name).write_text("#!/bin/sh\necho pwned >>$CALLS\n", encoding="utf-8")
    done = online(box, mirror[0], tmp_path)
    assert done.returncode == 1
    assert "is not what" in done.stderr and "tampering" in done.stderr
    assert box.calls == []
    assert not [path for path in box.tree() if path.endswith(".part")]
    assert not (box.root / "usr/local/bin/k3s").exists()


def test_dry_run_fetches_nothing(box: Box, tmp_path: Path) -> None:
    fetched(tmp_path / "fetched")
    before = box.tree()
    lines = good(online(box, "http://127.0.0.1:1", tmp_path, "--dry-run"))
    assert box.tree() == before
    assert [line for line in lines if "curl" in line and "http://127.0.0.1:1/v1.35.7%2Bk3s1/k3s" in line]
    charts = [target.rsplit("/", 1)[-1] for target in promised(lines) if "/static/charts/" in target]
    assert charts == CHART_NAMES


def test_dry_run_after_a_run_tells_a_changed_chart(box: Box, mirror: tuple[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(CHARTS, tmp_path / "charts")
    good(online(box, mirror[0], tmp_path, "--charts", str(copy)))
    (copy / "edge-inference/values.yaml").write_text("replicas: 2\n", encoding="utf-8")
    before = box.tree()
    lines = good(online(box, mirror[0], tmp_path, "--charts", str(copy), "--dry-run"))
    assert box.tree() == before
    assert [target.rsplit("/", 1)[-1] for target in promised(lines)] == [CHART_NAMES[1]]
