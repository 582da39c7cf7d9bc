"""What docs/sizing.md computes follows from the charts, the kubelet's settings and the measured files."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sizing.md").read_text(encoding="utf-8")
# What K3s' own manifest of CoreDNS requests: MiB and thousandths of a core.
COREDNS = (70, 100)


def read_yaml(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return found


def rows(title: str) -> list[list[str]]:
    """Return the rows of the table below a title or a column's name, without its head."""
    table = PAGE[PAGE.index(title) :].partition("|---")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def number(text: str) -> float:
    found = re.match(r"[\d.]+", text)
    assert found is not None, text
    return float(found[0])


def mib(text: str) -> int:
    return int(text.removesuffix("Mi")) if text.endswith("Mi") else int(text.removesuffix("Gi")) * 1024


def milli(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else int(text) * 1000


def requests(chart: str) -> tuple[int, int]:
    asked = read_yaml(f"charts/{chart}/values.yaml")["resources"]["requests"]
    return mib(asked["memory"]), milli(asked["cpu"])


def monitoring() -> dict[str, tuple[int, int]]:
    """Return what each program of edge-monitoring requests: MiB and thousandths of a core."""
    values = read_yaml("charts/edge-monitoring/values.yaml")
    asked = {name: each["resources"]["requests"] for name, each in values.items() if "resources" in (each or ())}
    return {name: (mib(each["memory"]), milli(each["cpu"])) for name, each in asked.items()}


def spare(memory: int) -> int:
    """Return the MiB that a box has for models, beside K3s, a release of cameras and one preflight."""
    kubelet = read_yaml("k3s/kubelet.conf")
    reserved = sum(mib(kubelet[each]["memory"]) for each in ("kubeReserved", "systemReserved"))
    kept = reserved + mib(kubelet["evictionHard"]["memory.available"])
    return memory - kept - COREDNS[0] - requests("camera-ingest")[0] - requests("edge-inference")[0]


def smallest() -> int:
    """Return the least memory in MiB with which install.sh sets up a box."""
    text = (ROOT / "k3s/lib/checks.sh").read_text(encoding="utf-8")
    found = re.search(r"^MIN_MEMORY_MB=(\d+)$", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def box(text: str) -> tuple[int, int]:
    """Return a box's cores and MiB of memory."""
    found = re.match(r"(\d+) cores, (\d+) ([MG]iB)", text)
    assert found is not None, text
    return int(found[1]), int(found[2]) * {"MiB": 1, "GiB": 1024}[found[3]]


def test_the_first_row_is_the_smallest_box_that_is_set_up() -> None:
    assert min(box(row[0])[1] for row in rows("| box |")) == smallest()


@pytest.mark.parametrize("row", rows("| box |"), ids=lambda row: row[0])
def test_models_on_a_box(row: list[str]) -> None:
    cores, memory = box(row[0])
    kubelet = read_yaml("k3s/kubelet.conf")
    reserved = [kubelet["kubeReserved"], kubelet["systemReserved"]]
    model, cameras = requests("edge-inference"), requests("camera-ingest")
    # A preflight asks for what its model asks for, beside all that runs.
    by_memory = spare(memory) // model[0]
    taken = sum(milli(each["cpu"]) for each in reserved) + COREDNS[1] + cameras[1] + model[1]
    by_cpu = (cores * 1000 - taken) // model[1]
    watched = [sum(each) for each in zip(*monitoring().values(), strict=True)]
    beside = max(0, min((spare(memory) - watched[0]) // model[0], (cores * 1000 - taken - watched[1]) // model[1]))
    assert [int(each) for each in row[1:]] == [by_memory, by_cpu, min(by_memory, by_cpu), beside]
    # CoreDNS, local-path's provisioner, the cameras and a preflight are pods, too.
    assert min(by_memory, by_cpu) + 4 <= kubelet["maxPods"]
    assert beside + 4 + len(monitoring()) <= kubelet["maxPods"]


def test_what_monitoring_and_the_guard_ask_for() -> None:
    asked = monitoring()
    memory, cpu = (sum(each) for each in zip(*asked.values(), strict=True))
    assert f"asks for {memory} MiB (" in PAGE and f" and {cpu}m. " in PAGE
    names = {
        "Prometheus": "prometheus",
        "Grafana": "grafana",
        "Alertmanager": "alertmanager",
        "node-exporter": "nodeExporter",
    }
    assert sorted(names.values()) == sorted(asked)
    assert "(" + ", ".join(f"{name} {asked[key][0]}" for name, key in names.items()) + ")" in PAGE
    less = memory - asked["grafana"][0]
    least = less - asked["alertmanager"][0]
    assert f"`grafana.enabled=false`, {less} MiB" in PAGE
    assert f"`alertmanager.enabled=false`, {least} MiB" in PAGE
    model = requests("edge-inference")[0]
    told = f"then take {(spare(4096) - memory) // model} models instead of {spare(4096) // model}."
    assert told in " ".join(PAGE.split())
    # No model without Grafana, one without Alertmanager as well, both beside node-exporter alone.
    left = [(spare(smallest()) - each) // model for each in (less, least, asked["nodeExporter"][0])]
    assert left == [0, 1, 2]
    guard = read_yaml("charts/edge-inference/values.yaml")["guard"]["resources"]["requests"]
    assert f"asks for {mib(guard['memory'])} MiB and {guard['cpu']} while it looks" in PAGE
    assert mib(guard["memory"]) <= model and milli(guard["cpu"]) <= requests("edge-inference")[1]


@pytest.mark.parametrize(
    ("process", "chart"),
    [("edge-inference, one small model", "edge-inference"), ("edge-camera with", "camera-ingest")],
)
def test_memory_is_what_the_charts_set(process: str, chart: str) -> None:
    resources = read_yaml(f"charts/{chart}/values.yaml")["resources"]
    (row,) = [row for row in rows("| process |") if row[0].startswith(process)]
    unit = {"Mi": " MiB", "Gi": " GiB"}
    asked, limit = (resources[key]["memory"] for key in ("requests", "limits"))
    assert row[2].startswith(f"request {asked[:-2]}{unit[asked[-2:]]}, limit {limit[:-2]}{unit[limit[-2:]]}")


def test_a_models_memory_is_as_measured_and_one_figure_everywhere() -> None:
    newest = sorted(path for path in (ROOT / "benchmarks/results").glob("*.json") if "camera" not in path.name)[-1]
    results = json.loads(newest.read_text(encoding="utf-8"))
    alone = max(each["edge"]["rss_mb"] for each in results["memory"].values())
    told = f"{alone:.0f} MB resident alone, {results['burst']['edge']['peak_mb']:.0f} MB after a burst"
    assert told in PAGE and newest.with_suffix(".md").name in PAGE
    values = (ROOT / "charts/edge-inference/values.yaml").read_text(encoding="utf-8")
    assert told in values and newest.with_suffix(".md").name in values


def test_times_are_in_one_table_to_which_the_chart_points() -> None:
    assert len(rows("| what | time |")) >= 5
    page = (ROOT / "charts/edge-inference/README.in.md").read_text(encoding="utf-8")
    assert "docs/sizing.md#time" in page
    assert re.findall(r"\b(?:in|after) \d+(?:\.\d+)? s\b", page) == []


def camera_ms() -> float:
    """Return edge-camera's CPU a frame, as the newest measurement has it."""
    newest = sorted((ROOT / "benchmarks/results").glob("*-camera.json"))[-1]
    rounds = json.loads(newest.read_text(encoding="utf-8"))["rounds"]
    return float(statistics.median(each["edge-camera"]["cpu_ms_per_frame"] for each in rounds))


def model_ms() -> float:
    """Return belt-detector's p50, as the README's run has it."""
    found = re.search(r"inference p50 / p95 / p99 +│ ([\d.]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize("row", rows("| each camera |"), ids=lambda row: row[0])
def test_cameras_on_a_box(row: list[str]) -> None:
    read, asked = (int(each) for each in re.findall(r"\d+", row[0]))
    cores = (read * camera_ms() + asked * model_ms()) / 1000
    assert row[1:] == [f"{cores:.2f}", *(str(int(box / 2 / cores)) for box in (2, 4))]


@pytest.mark.parametrize("row", rows("| what is pulled |"), ids=lambda row: row[0])
def test_pull_times(row: list[str]) -> None:
    megabytes = number(row[1])
    for cell, rate in zip(row[2:], (1, 3, 10), strict=True):
        assert number(cell) == pytest.approx(megabytes * 8 / rate, abs=0.05 if "." in cell else 0.5), row
    images = (ROOT / "Dockerfiles/README.md").read_text(encoding="utf-8")
    assert f"{row[1]} MB" in images, "as measured there"


@pytest.mark.parametrize(("chart", "whose"), [("edge-inference", "The model's"), ("camera-ingest", "the cameras'")])
def test_the_deadline_of_a_pull_is_the_charts(chart: str, whose: str) -> None:
    values = read_yaml(f"charts/{chart}/values.yaml")
    found = re.search(whose + r", (\d+) s.*?for ([\d.]+) MB at\s([\d.]+) Mbit/s", PAGE, re.DOTALL)
    assert found is not None
    deadline, megabytes, rate = (float(each) for each in found.groups())
    assert deadline == values["preflight"]["activeDeadlineSeconds"]
    assert rate == pytest.approx(megabytes * 8 / deadline, abs=0.05)
    assert f"`progressDeadlineSeconds` ({values['progressDeadlineSeconds']})" in PAGE
