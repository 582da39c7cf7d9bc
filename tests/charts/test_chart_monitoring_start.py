"""edge-monitoring: real programs start with the arguments of ci/standalone-values.yaml, and answer where the chart asks them."""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from helm_support import Manifest, main_pod, one
from live import until
from monitoring_support import case, prometheus_config, rendered, scrape

pytestmark = pytest.mark.charts
PORTS = {"prometheus": 9090, "alertmanager": 9093}
# Told to nobody, so nothing leaves this machine. Another alert each second: the first may come before Prometheus knows whom to tell.
ALERT = {
    "alert": "Told",
    "expr": "vector(time())",
    "labels": {"severity": "info", "at": "{{ $value }}"},
}
RULES = {"groups": [{"name": "told", "rules": [ALERT]}]}
Addresses = dict[str, str]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    found = rendered(file=case("standalone"))
    assert all(
        "/" in part for part in (_argument(found, name, "--web.external-url").partition("://")[2] for name in PORTS)
    )
    return found


def _container(manifests: list[Manifest], name: str) -> dict[str, Any]:
    found: dict[str, Any] = main_pod(manifests, f"dock-{name}")["containers"][0]
    return found


def _argument(manifests: list[Manifest], name: str, flag: str) -> str:
    given = dict(each.partition("=")[::2] for each in _container(manifests, name)["args"])
    return str(given[flag])


@pytest.fixture(scope="module")
def running(manifests: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Both programs, Prometheus with the chart's own way to itself and to Alertmanager; yields their addresses."""
    folder = tmp_path_factory.mktemp("monitoring")
    here = {name: f"127.0.0.1:{_free_port()}" for name in PORTS}
    (folder / "alertmanager.yaml").write_text(
        one(manifests, "Secret", "dock-alertmanager")["stringData"]["alertmanager.yaml"], encoding="utf-8"
    )
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES), encoding="utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_config(manifests, folder, here)), encoding="utf-8")
    with _started("alertmanager", manifests, folder, here), _started("prometheus", manifests, folder, here):
        yield here


def _config(manifests: list[Manifest], folder: Path, here: Addresses) -> dict[str, Any]:
    """What the chart's Prometheus does within its pod and to Alertmanager, quicker; nothing of the outside."""
    own = scrape(manifests, "prometheus")
    assert own["static_configs"] == [{"targets": ["127.0.0.1:9090"]}]
    told = prometheus_config(manifests)["alerting"]["alertmanagers"][0]
    assert told["static_configs"] == [{"targets": ["dock-alertmanager:9093"]}]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/rules.yaml"],
        "scrape_configs": [own | {"static_configs": [{"targets": [here["prometheus"]]}]}],
        "alerting": {"alertmanagers": [told | {"static_configs": [{"targets": [here["alertmanager"]]}]}]},
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _started(name: str, manifests: list[Manifest], folder: Path, here: Addresses) -> Iterator[None]:
    """Run Debian's program with the container's arguments, but for its port and its folders."""
    program = shutil.which(name) or shutil.which(f"prometheus-{name}")
    if program is None:
        pytest.skip(f"no {name} on PATH; apt-get install prometheus prometheus-alertmanager")
    places = {f"/etc/{name}/": f"{folder}/", f"=/{name}": f"={folder}/{name}", f"=:{PORTS[name]}": f"={here[name]}"}
    arguments = _container(manifests, name)["args"]
    for old, new in places.items():
        assert sum(old in each for each in arguments) == 1, f"{old}: {arguments}"
        arguments = [each.replace(old, new) for each in arguments]
    log = folder / f"{name}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen([program, *arguments], stderr=stderr, cwd=folder)
    try:
        until(lambda: _listens(here[name], process, log), f"{name} listens")
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(address: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _answers(url: str) -> bool:
    return _get(url).status == 200


def _get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, redirect=False, timeout=5)


@pytest.mark.parametrize("name", PORTS)
def test_probes_are_answered(name: str, manifests: list[Manifest], running: Addresses) -> None:
    container = _container(manifests, name)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        url = f"http://{running[name]}{container[probe]['httpGet']['path']}"
        until(functools.partial(_answers, url), f"{name}: {probe}: {url} answers 200")


@pytest.mark.parametrize(
    ("name", "path"), [("prometheus", "/api/v1/query?query=1"), ("alertmanager", "/api/v2/status")]
)
def test_grafanas_data_sources_answer(name: str, path: str, manifests: list[Manifest], running: Addresses) -> None:
    provisioned = yaml.safe_load(one(manifests, "ConfigMap", "dock-grafana")["data"]["datasources.yaml"])
    urls = {each["uid"]: each["url"] for each in provisioned["datasources"]}
    url = urls[name].replace(f"dock-{name}:{PORTS[name]}", running[name])
    assert url == f"http://{running[name]}"
    assert _get(url + path).status == 200


def test_prometheus_scrapes_itself(running: Addresses) -> None:
    url = f"http://{running['prometheus']}/api/v1/query?query=up"
    samples = until(lambda: _get(url).json()["data"]["result"], "a first scrape")
    assert [each["value"][1] for each in samples] == ["1"]


def test_an_alert_arrives_with_a_link_that_people_can_open(manifests: list[Manifest], running: Addresses) -> None:
    url = f"http://{running['alertmanager']}/api/v2/alerts"
    alert = until(lambda: _get(url).json(), "an alert arrives")[0]
    assert alert["labels"]["alertname"] == "Told"
    assert alert["generatorURL"].startswith(_argument(manifests, "prometheus", "--web.external-url") + "/graph?")
