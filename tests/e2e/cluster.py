"""One gateway: the lab where it is, else the cluster that KUBECONFIG names. helm and kubectl as a person would use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
NAMESPACE = "edge-e2e"
# Where describe, events, logs and metrics go when a test fails, and the tables that were measured.
KEPT = ROOT / ".e2e"
POLL_S = 0.5
T = TypeVar("T")
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """`lab` is the lab's program, None on another cluster, where nothing can be cut or crashed.

    `registry` is the first part of every image's name: "localhost" on the lab, into which images are loaded.
    """

    env: Mapping[str, str]
    lab: Path | None = None
    registry: str = "localhost"

    def run(self, *command: str, check: bool = True, timeout: float = 300, stdin: str | None = None) -> Done:
        """Run a command with this cluster's environment."""
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=self.env, cwd=ROOT, check=False, input=stdin
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command and go on; what it says on either stream can be read from its stdout."""
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env, cwd=ROOT
        )

    def helm(self, *arguments: str, check: bool = True, timeout: float = 300, stdin: str | None = None) -> Done:
        return self.run("helm", "--namespace", NAMESPACE, *arguments, check=check, timeout=timeout, stdin=stdin)

    def kubectl(self, *arguments: str, check: bool = True, timeout: float = 120) -> str:
        return self.run("kubectl", "--namespace", NAMESPACE, *arguments, check=check, timeout=timeout).stdout

    def execute(self, workload: str, *command: str, namespace: str = NAMESPACE, timeout: float = 60) -> Done:
        """Run a command in a pod, or in one of a workload; it may fail."""
        words = ("kubectl", "-n", namespace, "exec", workload, "--", *command)
        return self.run(*words, check=False, timeout=timeout)

    def get(self, *arguments: str) -> Any:
        """Return objects as kubectl prints them in JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, document: Mapping[str, Any], namespace: str = NAMESPACE) -> None:
        self.run("kubectl", "-n", namespace, "apply", "-f", "-", stdin=json.dumps(document), timeout=60)

    def on_lab(self, *arguments: str, check: bool = True, timeout: float = 300) -> str:
        """Run a command of the lab."""
        assert self.lab is not None
        return self.run(str(self.lab), *arguments, check=check, timeout=timeout).stdout

    def image(self, model: str, version: str) -> str:
        """Return the name of a model's image."""
        return f"{self.registry}/edge-model-{model}:{version}"


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
    env, registry = dict(os.environ), "localhost"
    if lab.is_file():
        # The first time, kubectl and helm come with it.
        said = subprocess.run([lab, "env"], capture_output=True, text=True, timeout=60, check=False)
        if said.returncode:
            return f"{lab} env: {said.stderr.strip()}"
        env |= _exports(said.stdout)
    elif "KUBECONFIG" not in os.environ:
        return "want a cluster: LAB names the lab's program, or KUBECONFIG another cluster"
    elif not (registry := os.environ.get("REGISTRY", "").rstrip("/")):
        return "want REGISTRY: a registry to which images can be pushed, and from which KUBECONFIG's cluster pulls them"
    found = Cluster(env, lab if lab.is_file() else None, registry)
    if found.lab is not None:
        found.on_lab("up")
    missing = [name for name in ("helm", "kubectl") if shutil.which(name, path=env["PATH"]) is None]
    return f"want {', '.join(missing)} on PATH" if missing else found


def _exports(text: str) -> dict[str, str]:
    """Return what a line `export A=b C=d` would set; `$PATH` is the present one."""
    words = [word for line in text.splitlines() for word in line.removeprefix("export ").split()]
    pairs = (word.partition("=") for word in words if "=" in word)
    return {key: value.strip("\"'").replace("$PATH", os.environ["PATH"]) for key, _, value in pairs}
