"""charts/edge-monitoring as the tests look at it: its cases, its configuration, and what promtool and amtool say of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from go_support import promtool_env
from helm_support import CHARTS, Manifest, one, render
from monitoring.discovery import rewritten

CHART = "edge-monitoring"
FILES = sorted((CHARTS / CHART / "ci").glob("*-values.yaml"))
STANDALONE = [path for path in FILES if yaml.safe_load(path.read_text(encoding="utf-8")).get("mode") != "operator"]


def case(name: str) -> Path:
    """The values file of ci/ with this name."""
    return next(path for path in FILES if path.stem == f"{name}-values")


def prometheus_config(manifests: list[Manifest], name: str = "dock") -> dict[str, Any]:
    """prometheus.yml, as Prometheus reads it."""
    config: dict[str, Any] = yaml.safe_load(one(manifests, "ConfigMap", f"{name}-prometheus")["data"]["prometheus.yml"])
    return config


def scrape(manifests: list[Manifest], job: str) -> dict[str, Any]:
    """One of its scrape_configs."""
    found: dict[str, Any] = next(
        each for each in prometheus_config(manifests)["scrape_configs"] if each["job_name"] == job
    )
    return found


def checked(tool: str, *arguments: str | Path) -> str:
    """Run promtool or amtool, and return what it said; the calling test is skipped where there is none.

    Raises:
        AssertionError: it found something wrong.
    """
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on PATH; apt-get install prometheus prometheus-alertmanager")
    env = {**os.environ, **promtool_env()}
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_out(manifests: list[Manifest], folder: Path) -> Path:
    """Write prometheus.yml and its rules as the pod sees them, but for Kubernetes discovery, which Debian's promtool lacks."""
    rules = folder / "rules"
    rules.mkdir()
    for name, text in one(manifests, "ConfigMap", "dock-rules")["data"].items():
        (rules / name).write_text(text, encoding="utf-8")
    config = rewritten(prometheus_config(manifests), "http://127.0.0.1:1")
    assert config["rule_files"] == ["/etc/edge-serve/rules/*.yaml"]
    config["rule_files"] = [f"{rules}/*.yaml"]
    path = folder / "prometheus.yml"
    path.write_text(without_secrets(yaml.safe_dump(config), folder), encoding="utf-8")
    return path


def without_secrets(text: str, folder: Path) -> str:
    """The same configuration, with an existing file for each that a Secret holds: promtool looks for them."""
    for prefix in ("/run/secrets/remote-write", "/var/run/secrets/kubernetes.io/serviceaccount"):
        for name in ("password", "token", "ca.crt"):
            (folder / name).touch()
            text = text.replace(f"{prefix}/{name}", str(folder / name))
    return text


def rendered(values: dict[str, Any] | None = None, file: Path | None = None) -> list[Manifest]:
    """The manifests of a release called dock."""
    return render(CHART, values, file=file)
