"""The way back from a bad version: which revision, and whether it helped."""

from __future__ import annotations

import stat

import pytest
from typer.testing import CliRunner

from edge_common.errors import StartError
from edgectl.rollout.commands import app
from edgectl.rollout.run import End, run_watch
from kube_support import pod
from rollout_support import AFTER, NEW, House, Ticks, told, wanted
from rollout_support import installed as installed

pytestmark = pytest.mark.deploy


def test_it_goes_to_the_revision_of_the_baseline_not_to_another_of_the_same_bad_version(house: House) -> None:
    """Revision 2 brought the bad version, 3 changed a Service only: helm calls both good."""
    house.baseline()
    house.revisions("superseded", "superseded", "deployed")
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.BAD
    assert [each.split()[:3] for each in house.rollbacks()] == [["rollback", "dock", "1"]]


@pytest.mark.parametrize("statuses", [("superseded", "superseded", "deployed"), ("superseded", "failed", "deployed")])
def test_a_baseline_that_knows_no_revision_leaves_the_last_good_one(house: House, statuses: tuple[str, ...]) -> None:
    house.cluster.refused.add("list secrets")
    house.baseline()
    house.cluster.refused.clear()
    house.revisions(*statuses)
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.BAD
    assert house.rollbacks()[0].split()[2] == ("2" if "failed" not in statuses else "1")


def test_a_refused_revision_is_no_way_back_though_helm_calls_it_superseded(house: House) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made="2031-01-01T00:00:00Z")]
    house.revisions("superseded", "superseded", "deployed", refused=[2])
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.BAD
    assert house.rollbacks()[0].split()[2] == "1"


def test_the_baseline_of_another_upgrade_names_no_revision(house: House) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made="2031-01-01T00:00:00Z")]
    house.revisions("superseded", "superseded", "deployed")
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.BAD
    assert house.rollbacks()[0].split()[2] == "2"


def test_a_rollback_to_the_same_version_has_failed(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER)]
    house.deployed("1.1.0")
    house.revisions("superseded", "superseded", "deployed")
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.STILL_BAD
    said = capsys.readouterr()
    assert "edgectl: rolled back to revision 2, which is the same version: name an older one with --to" in said.err
    assert told(said.out)["done"] == house.verdict()["done"] == "rollback failed"


def test_a_rollback_to_another_version_has_not(house: House) -> None:
    house.baseline()
    house.deployed("1.1.0")
    # What helm's rollback does to the cluster happens while the watch still runs: it has seen the template before.
    clock = house.serve(NEW, "1.1.0", failed=8)
    serve = clock.then

    def back(at: float) -> None:
        serve(at)
        house.deployed("1.0.0")

    clock.then = back
    assert run_watch(wanted(), clock) is End.BAD
    assert house.verdict()["done"] == "rolled back to revision 1"


def test_without_a_revision_to_go_back_to_the_bad_version_stays(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    house.revisions("deployed")
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) is End.STILL_BAD
    assert "dock: no good revision before this one" in capsys.readouterr().err
    assert house.verdict()["done"] == "no revision to go back to"


@pytest.mark.parametrize("number", [3, 7])
def test_a_revision_that_is_none_is_refused_before_anything_is_watched(house: House, number: int) -> None:
    house.baseline()
    clock = house.serve(NEW, "1.1.0", failed=8)
    with pytest.raises(StartError) as fault:
        run_watch(wanted(to=number), clock)
    assert str(fault.value) == f"--to {number}: want a revision of dock before the present one, found 1, 2"
    assert clock.time == 0 and house.rollbacks() == []


def test_a_revision_that_is_named_may_be_any_older_one(house: House) -> None:
    house.baseline()
    assert run_watch(wanted(to=2), house.serve(NEW, "1.1.0", failed=8)) is End.BAD
    assert house.rollbacks()[0].split()[2] == "2"


@pytest.mark.parametrize(
    ("fails", "arguments", "code"),
    [
        pytest.param(False, ["--no-rollback"], 1, id="told"),
        pytest.param(False, [], 1, id="rolled-back"),
        pytest.param(True, [], 4, id="rollback-failed"),
    ],
)
def test_the_exit_code_says_whether_the_bad_version_is_still_there(
    house: House, fails: bool, arguments: list[str], code: int
) -> None:
    if fails:
        _break_helm(house)
    house.baseline()
    house.serve(NEW, "1.1.0")
    # Bad at the first look that is judged, after a second.
    house.cluster.metrics[NEW] += "edge_inference_selfcheck_failures_total 1\n"
    done = CliRunner().invoke(app, ["watch", "dock", "--for=10s", *arguments])
    assert done.exit_code == code, done.output


def _break_helm(house: House) -> None:
    helm = house.helm_calls.parent / "bin" / "helm"
    helm.write_text("#!/bin/sh\necho 'Error: another operation is in progress' >&2\nexit 1\n")
    helm.chmod(helm.stat().st_mode | stat.S_IXUSR)


def test_without_rollback_nothing_is_done(house: House) -> None:
    house.baseline()
    assert run_watch(wanted(rollback=False), house.serve(NEW, "1.1.0", failed=50)) == "bad"
    assert house.rollbacks() == []
    assert house.verdict()["done"] == "nothing"


def test_helm_has_to_be_there_before_anything_is_watched(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StartError, match="helm is not on PATH"):
        run_watch(wanted(), Ticks(lambda _: None))


def test_a_rollback_that_fails_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    _break_helm(house)
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=60)) is End.STILL_BAD
    err = capsys.readouterr().err
    assert "edgectl: helm rollback dock 1: exit code 1: Error: another operation is in progress" in err
    assert house.verdict()["done"] == "rollback failed"
