"""One gateway: the lab where it is, else the cluster that KUBECONFIG names. helm and kubectl as a person would use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
NAMESPACE = "edge-e2e"
POLL_S = 0.5
T = TypeVar("T")


@dataclass(slots=True)
class Cluster:
    """`lab` is the lab's program, None on another cluster, where nothing can be cut or crashed."""

    env: Mapping[str, str]
    lab: Path | None = None
    kept: list[str] = field(default_factory=list)

    def run(self, *command: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command with this cluster's environment."""
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=self.env, cwd=ROOT, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def helm(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return self.run("helm", "--namespace", NAMESPACE, *arguments, check=check, timeout=timeout)

    def kubectl(self, *arguments: str, check: bool = True, timeout: float = 120) -> str:
        return self.run("kubectl", "--namespace", NAMESPACE, *arguments, check=check, timeout=timeout).stdout

    def get(self, *arguments: str) -> Any:
        """Return objects as kubectl prints them in JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, document: Mapping[str, Any]) -> None:
        subprocess.run(
            ["kubectl", "--namespace", NAMESPACE, "apply", "-f", "-"],
            input=json.dumps(document), text=True, capture_output=True, timeout=60, env=self.env, check=True,
        )  # fmt: skip

    def on_lab(self, *arguments: str, check: bool = True, timeout: float = 300) -> str:
        """Run a command of the lab."""
        assert self.lab is not None
        return self.run(str(self.lab), *arguments, check=check, timeout=timeout).stdout

    def pods(self, **labels: str) -> list[dict[str, Any]]:
        """Return the pods that have these labels (dots and slashes are given as `app.kubernetes.io/...` by the caller)."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[dict[str, Any]] = self.get("pods", "-l", selector)["items"]
        return found


def until(look: Callable[[], T | None], what: str, timeout_s: float = 120.0) -> T:
    """Return what `look` finds, asking again until it is true; a cluster tells nobody when it is done."""
    end = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(POLL_S)


def find_cluster() -> Cluster | str:
    """Return the cluster to test on, or why there is none."""
    lab = Path(os.environ.get("LAB", ROOT.parent / "shared" / "lab" / "lab"))
    env = dict(os.environ)
    if lab.is_file():
        said = subprocess.run([lab, "env"], capture_output=True, text=True, timeout=60, check=False)
        if said.returncode:
            return f"{lab} env: {said.stderr.strip()}"
        env |= _exports(said.stdout)
    elif "KUBECONFIG" not in os.environ:
        return "want a cluster: LAB names the lab's program, or KUBECONFIG another cluster"
    missing = [name for name in ("helm", "kubectl") if shutil.which(name, path=env["PATH"]) is None]
    if missing:
        return f"want {', '.join(missing)} on PATH"
    return Cluster(env, lab if lab.is_file() else None)


def _exports(text: str) -> dict[str, str]:
    """Return what a line `export A=b C=d` would set; `$PATH` is the present one."""
    words = [word for line in text.splitlines() for word in line.removeprefix("export ").split()]
    pairs = (word.partition("=") for word in words if "=" in word)
    return {key: value.strip("\"'").replace("$PATH", os.environ["PATH"]) for key, _, value in pairs}


def labels(release: str, component: str | None = None) -> Sequence[str]:
    """Return the selector of a release's objects for kubectl."""
    wanted = f"app.kubernetes.io/instance={release}" + (
        f",app.kubernetes.io/component={component}" if component else ""
    )
    return ["-l", wanted]
