"""edge-inference: the script that pulls a model as an artifact, run here by sh with a stand-in for oras."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from helm_support import main_pod, render

pytestmark = pytest.mark.charts
OCI = {"reference": "r/m:1", "registryCidrs": {"r": "10.0.0.9/32"}, "plainHttp": True}
# Writes its arguments down; fails as often as the file `faults` has lines.
ORAS = """#!/bin/sh
echo "$@" >>"$TRACE"
if [ -s "$FAULTS" ]; then sed -i 1d "$FAULTS"; echo "refused" >&2; exit 1; fi
while [ "$1" != --output ]; do shift; done
echo graph >"$2/model.onnx"
"""
# The pauses are for a network; what the script does after them is what is tested.
SLEEP = "#!/bin/sh\n"


class Puller:
    """The rendered init container on a directory of this test."""

    def __init__(self, directory: Path) -> None:
        self.models, self._bin = directory / "models", directory / "bin"
        self._trace, self.faults = directory / "trace", directory / "faults"
        self.models.mkdir()
        self._bin.mkdir()
        for name, text in (("oras", ORAS), ("sleep", SLEEP)):
            (self._bin / name).write_text(text)
            (self._bin / name).chmod(0o755)
        container = main_pod(render("edge-inference", {"model": {"source": "oci", "oci": OCI}}))["initContainers"][0]
        self.command = [part.replace("/models", str(self.models)) for part in container["command"]]
        self.given = {each["name"]: each["value"] for each in container["env"]}

    def run(self, folder: str = "one") -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self._bin}:{os.environ['PATH']}", "TRACE": str(self._trace), "FAULTS": str(self.faults)}
        return subprocess.run(
            self.command, env=env | self.given | {"FOLDER": folder},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @property
    def calls(self) -> list[str]:
        return self._trace.read_text().splitlines() if self._trace.exists() else []

    @property
    def folders(self) -> list[str]:
        return sorted(path.name for path in self.models.iterdir())


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def test_a_new_artifact_is_pulled_whole(puller: Puller) -> None:
    done = puller.run()
    assert done.returncode == 0, done.stderr
    assert puller.folders == ["one"]
    assert (puller.models / "one/model.onnx").read_text() == "graph\n"
    call = puller.calls[0].split()
    assert call[:2] == ["pull", "--plain-http"] and call[-1] == "r/m:1"


def test_one_that_is_there_needs_no_registry(puller: Puller) -> None:
    puller.run()
    puller.faults.write_text("x\n" * 9)
    assert puller.run().returncode == 0
    assert len(puller.calls) == 1


def test_a_registry_that_is_late_is_asked_again(puller: Puller) -> None:
    puller.faults.write_text("x\n" * 4)
    assert puller.run().returncode == 0
    assert len(puller.calls) == 5
    assert puller.folders == ["one"]


def test_a_registry_that_stays_away_is_a_failure_and_leaves_no_bundle(puller: Puller) -> None:
    puller.faults.write_text("x\n" * 9)
    done = puller.run()
    assert done.returncode != 0 and "refused" in done.stderr
    assert not (puller.models / "one").exists()


def test_five_bundles_are_kept_the_last_used_ones(puller: Puller) -> None:
    for number in range(7):
        assert puller.run(f"v{number}").returncode == 0
        os.utime(puller.models / f"v{number}", (1000 + number, 1000 + number))
    assert puller.run("v2").returncode == 0
    assert puller.folders == ["v2", "v3", "v4", "v5", "v6"]


def test_what_a_killed_pull_left_goes_after_an_hour(puller: Puller) -> None:
    for name in ("old", "young"):
        (puller.models / f".part-{name}").mkdir()
    os.utime(puller.models / ".part-old", (0, 0))
    assert puller.run().returncode == 0
    assert puller.folders == [".part-young", "one"]
