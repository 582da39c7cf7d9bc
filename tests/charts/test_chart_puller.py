"""edge-inference: the script that pulls a model as an artifact, run here by sh with a stand-in for oras."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helm_support import at, main_pod, one, render

pytestmark = pytest.mark.charts
OCI = {"reference": "r/m:{version}", "registryCidrs": {"r": "10.0.0.9/32"}, "plainHttp": True, "cacheClaim": "models"}
VALUES: dict[str, Any] = {"model": {"source": "oci", "oci": OCI}, "candidate": {"enabled": True, "version": "1.1.0"}}
POD = "spec.template.spec.initContainers.0"
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
    """The rendered init container on a directory of this test. Folders are numbers: the real names are hexadecimal."""

    def __init__(self, directory: Path) -> None:
        self.models, self._bin = directory / "models", directory / "bin"
        self._trace, self.faults = directory / "trace", directory / "faults"
        self.models.mkdir()
        self._bin.mkdir()
        for name, text in (("oras", ORAS), ("sleep", SLEEP)):
            (self._bin / name).write_text(text)
            (self._bin / name).chmod(0o755)
        container = main_pod(render("edge-inference", VALUES))["initContainers"][0]
        self.command = [part.replace("/models", str(self.models)) for part in container["command"]]
        self._given = {each["name"]: each["value"] for each in container["env"]}

    def run(self, folder: str = "1", **given: str) -> subprocess.CompletedProcess[str]:
        """Run it as the stable pod does, or with another environment."""
        env = {"PATH": f"{self._bin}:{os.environ['PATH']}", "TRACE": str(self._trace), "FAULTS": str(self.faults)}
        return subprocess.run(
            self.command, env=env | self._given | {"FOLDER": folder} | given,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def serve(self, folder: str, at: int, track: str = "inference") -> None:
        """Start a pod that serves `folder`, at a time of its own."""
        done = self.run(folder, SERVES=track)
        assert (done.returncode, done.stderr) == (0, "")
        os.utime(self.models / folder, (at, at))

    def check(self, folder: str, keep: str = "") -> None:
        """Start a pod that only checks `folder`."""
        done = self.run(folder, SERVES="", KEEP=f"{folder} {keep}".strip())
        assert (done.returncode, done.stderr) == (0, "")

    @property
    def calls(self) -> list[str]:
        return self._trace.read_text().splitlines() if self._trace.exists() else []

    @property
    def folders(self) -> list[str]:
        return sorted(path.name for path in self.models.iterdir() if not path.name.startswith(".kept-"))


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def test_a_new_artifact_is_pulled_whole(puller: Puller) -> None:
    done = puller.run()
    assert done.returncode == 0, done.stderr
    assert puller.folders == ["1"]
    assert (puller.models / "1/model.onnx").read_text() == "graph\n"
    call = puller.calls[0].split()
    assert call[:2] == ["pull", "--plain-http"] and call[-1] == "r/m:1.0.0"


def test_one_that_is_there_needs_no_registry(puller: Puller) -> None:
    puller.run()
    puller.faults.write_text("x\n" * 9)
    assert puller.run().returncode == 0
    assert len(puller.calls) == 1


def test_a_registry_that_is_late_is_asked_again(puller: Puller) -> None:
    puller.faults.write_text("x\n" * 4)
    assert puller.run().returncode == 0
    assert len(puller.calls) == 5
    assert puller.folders == ["1"]


def test_a_registry_that_stays_away_is_a_failure_and_leaves_no_bundle(puller: Puller) -> None:
    puller.faults.write_text("x\n" * 9)
    done = puller.run()
    assert done.returncode != 0 and "refused" in done.stderr
    assert not (puller.models / "1").exists()


def test_five_bundles_are_kept_the_last_used_ones(puller: Puller) -> None:
    (puller.models / "lost+found").mkdir()
    for number in range(7):
        puller.serve(str(number), at=1000 + number)
    puller.serve("2", at=1007)
    assert puller.folders == ["2", "3", "4", "5", "6", "lost+found"]


def test_no_number_of_refused_checks_takes_away_what_serves_or_has_served(puller: Puller) -> None:
    for number in range(5):
        puller.serve(str(number), at=1000 + number)
    for refused in ("a1", "a2", "a3", "a4", "a5", "a6"):
        puller.check(refused)
    assert puller.folders == ["0", "1", "2", "3", "4", "a6"], "and refused ones do not pile up"


def test_what_was_checked_and_then_serves_is_kept(puller: Puller) -> None:
    puller.check("1")
    puller.serve("1", at=1000)
    puller.check("2")
    puller.check("3")
    assert puller.folders == ["1", "3"]
    assert len(puller.calls) == 3


def test_a_check_leaves_what_the_other_check_of_the_same_revision_pulled(puller: Puller) -> None:
    puller.check("1", keep="2")
    puller.check("2", keep="1")
    assert puller.folders == ["1", "2"]


def test_neither_track_prunes_what_the_other_serves_or_served_before(puller: Puller) -> None:
    """However long ago its pod was started."""
    puller.serve("a1", at=1000)
    puller.serve("a2", at=1001)
    for number in range(8):
        puller.serve(str(number), at=2000 + number, track="candidate")
    assert {"a1", "a2"} < set(puller.folders)


def test_a_clock_that_was_wrong_costs_nobody_the_version_that_starts(puller: Puller) -> None:
    """A gateway without a battery starts in 1970; what was used before then looks newer."""
    for number in range(6):
        puller.serve(str(number), at=2**32 + number)
    done = puller.run("a1")
    assert done.returncode == 0 and "a1" in puller.folders


def test_what_a_killed_pull_left_goes_after_an_hour(puller: Puller) -> None:
    for name in ("old", "young"):
        (puller.models / f".part-{name}").mkdir()
    os.utime(puller.models / ".part-old", (0, 0))
    assert puller.run().returncode == 0
    assert puller.folders == [".part-young", "1"]


def test_only_the_pods_that_serve_may_prune() -> None:
    manifests = render("edge-inference", {**VALUES, "preflight": {"rollback": True}})
    serves = {
        f"{kind}/{name}": {each["name"]: each["value"] for each in at(one(manifests, kind, name), path)["env"]}
        for kind, name, path in (
            ("Deployment", "dock", POD),
            ("Deployment", "dock-candidate", POD),
            ("Job", "dock-preflight", POD),
            ("Job", "dock-candidate-preflight", POD),
            ("Job", "dock-rollback", POD),
            ("Pod", "dock-test", "spec.initContainers.0"),
        )
    }
    stable, candidate = (serves[f"Deployment/{name}"] for name in ("dock", "dock-candidate"))
    assert (stable["SERVES"], candidate["SERVES"]) == ("inference", "candidate")
    for title, given in serves.items():
        if not title.startswith("Deployment"):
            assert given["SERVES"] == ""
            assert given["KEEP"].split() == [stable["FOLDER"], candidate["FOLDER"]]


def test_a_candidate_that_comes_restarts_no_stable_pod() -> None:
    alone = render("edge-inference", {"model": VALUES["model"]})
    assert main_pod(alone) == main_pod(render("edge-inference", VALUES))
