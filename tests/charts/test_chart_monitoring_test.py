"""edge-monitoring's `helm test`: its script, asked of a real Prometheus in which some targets answer and some do not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helm_support import Manifest, one
from live import until
from monitoring_support import rendered
from prometheus_support import free_port, prometheus

pytestmark = pytest.mark.charts
QUICK = {"scrape": {"interval": "1s", "timeout": "1s"}}


def _words(manifests: list[Manifest]) -> list[str]:
    """Command and arguments of the test's pod."""
    (container,) = one(manifests, "Pod", "dock-test")["spec"]["containers"]
    return [*container["command"], *container["args"]]


@contextmanager
def _asking(folder: Path, **answers: list[bool]) -> Iterator[str]:
    """A Prometheus with these jobs: of each, which of its targets answer. Itself is what does, a closed port what does not."""
    port, closed = free_port(), free_port()
    jobs: list[dict[str, Any]] = [
        {
            "job_name": job.replace("_", "-"),
            "static_configs": [{"targets": [f"127.0.0.1:{port if up else closed}" for up in ups]}],
        }
        for job, ups in {"prometheus": [True], **answers}.items()
    ]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    with prometheus(rendered(), folder, config, port) as url:
        yield url


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two at once, since the first scrapes take seconds: one where all is well, and one where node is down."""
    folder = tmp_path_factory.mktemp
    with (
        _asking(folder("well"), uplink=[False], edge_inference=[True, False]) as well,
        _asking(folder("broken"), alertmanager=[True], node=[False], edge_inference=[True, False]) as broken,
    ):
        until(lambda: not _run(broken, 0)[1][0].startswith("want up{"), "two scrapes")
        yield well, broken


@pytest.fixture
def well(urls: tuple[str, str]) -> str:
    return urls[0]


@pytest.fixture
def broken(urls: tuple[str, str]) -> str:
    return urls[1]


def _run(url: str, patience: int, *jobs: str) -> tuple[int, list[str]]:
    # sh -c SCRIPT name URL PATIENCE JOBS
    command = [*_words(rendered(QUICK))[:4], url, str(patience), *jobs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_it_is_told_which_jobs_the_release_brings() -> None:
    *_, address, patience, first, second, third, fourth = _words(rendered())
    assert (address, [first, second, third, fourth]) == (
        "http://dock-prometheus:9090",
        ["prometheus", "alertmanager", "node", "cadvisor"],
    )
    assert int(patience) < one(rendered(), "Pod", "dock-test")["spec"]["activeDeadlineSeconds"]
    off = {"nodeExporter": {"enabled": False}, "cadvisor": {"enabled": False}, "alertmanager": {"enabled": False}}
    assert _words(rendered(off))[6:] == ["prometheus"]


def test_all_is_well_with_a_cut_uplink_and_a_part_of_the_models(well: str) -> None:
    code, said = _run(well, 20, "prometheus")
    assert (code, said[:3]) == (0, ["edge-inference: 1 of 2 up", "prometheus: 1 of 1 up", "uplink: 0 of 1 up"])
    assert said[3].startswith("camera-ingest: no pod with metrics in edge (namespaces)")


def test_a_job_of_which_nobody_answers_fails_it(broken: str) -> None:
    code, said = _run(broken, 0, "prometheus", "alertmanager", "node")
    told = ["alertmanager: 1 of 1 up", "edge-inference: 1 of 2 up", "node: 0 of 1 up", "prometheus: 1 of 1 up"]
    assert (code, said[:4]) == (1, told)
    assert said[-2] == "want at least one target of each job up, found: node: 0 of 1 up"


def test_a_job_without_a_target_fails_it(broken: str) -> None:
    code, said = _run(broken, 0, "prometheus", "cadvisor")
    assert code == 1 and said[-2].endswith("cadvisor: no target")


def test_nobody_at_that_address_is_said() -> None:
    code, said = _run(f"http://127.0.0.1:{free_port()}", 0, "prometheus")
    assert code == 1 and "connection refused" in said[0]
