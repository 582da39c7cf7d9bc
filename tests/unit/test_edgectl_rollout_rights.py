"""What a rollback needs is asked for before anything is watched; and what a verdict looks like when there is little to show."""

from __future__ import annotations

import pytest

from edge_common.errors import StartError
from edgectl.cluster.connect import connect
from edgectl.rollout.helm import revisions
from edgectl.rollout.run import run_watch
from kube_support import helm_secret, pod
from rollout_support import AFTER, NEW, OLD, House, Ticks, wanted
from rollout_support import installed as installed

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        pytest.param({"create secrets", "update secrets"}, "no permission to create and update secrets", id="records"),
        pytest.param({"get secrets"}, "no permission to get secrets", id="reads"),
        pytest.param({"patch deployments"}, "no permission to patch deployments", id="deployment"),
        pytest.param({"list services", "watch services"}, "no permission to list and watch services", id="the-rest"),
        pytest.param({"watch replicasets"}, "no permission to watch replicasets", id="waits"),
    ],
)
def test_a_rollback_that_would_be_refused_is_told_before_the_watch(house: House, refused: set[str], text: str) -> None:
    house.baseline()
    clock = house.serve(NEW, "1.1.0", failed=8)
    house.cluster.refused |= refused
    with pytest.raises(StartError) as fault:
        run_watch(wanted(), clock)
    assert (
        str(fault.value)
        == f"{text} in namespace edge, which `helm rollback` needs: want a role that allows it, or --no-rollback"
    )
    assert clock.time == 0
    # Who only wants to know needs none of it.
    assert run_watch(wanted(rollback=False), clock) == "bad"


@pytest.mark.parametrize(("revisions", "code"), [(9, 0), (10, 1)])
def test_a_full_history_wants_the_oldest_record_deleted(house: House, revisions: int, code: int) -> None:
    house.baseline()
    house.revisions(*["superseded"] * (revisions - 1), "deployed")
    house.cluster.refused.add("delete secrets")
    if code:
        with pytest.raises(StartError, match="no permission to delete secrets in namespace edge"):
            run_watch(wanted(), house.serve(NEW, "1.1.0"))
    else:
        assert run_watch(wanted(), house.serve(NEW, "1.1.0")) == "good"


def test_where_rights_cannot_be_asked_for_the_watch_goes_on(house: House) -> None:
    house.baseline()
    house.cluster.refused |= {"ask selfsubjectaccessreviews", "create secrets"}
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=8)) == "bad"
    assert house.rollbacks() != []


@pytest.mark.parametrize(
    ("created", "at"),
    [
        pytest.param("2031-01-01T00:00:00Z", "2031-01-01T00:00:00+00:00", id="label-of-the-one-before"),
        pytest.param("2020-01-01T00:00:00Z", "2026-11-18T11:06:40+00:00", id="changed-later"),
        pytest.param(None, "2026-11-18T11:06:40+00:00", id="label-only"),
    ],
)
def test_a_revision_is_as_old_as_the_later_of_its_two_times(house: House, created: str | None, at: str) -> None:
    """Helm 4 carries `modifiedAt` over from the revision before."""
    found = helm_secret(1, "deployed")
    found["metadata"]["creationTimestamp"] = created
    house.cluster.objects["secrets"] = [
        {**found, "metadata": {k: v for k, v in found["metadata"].items() if v is not None}}
    ]
    assert [each.at.isoformat() for each in revisions(connect(), "edge") if each.at] == [at]


def test_without_a_version_before_the_heading_says_that_nothing_is_compared(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    run_watch(wanted(as_json=False, rollback=False), house.serve(NEW, "1.1.0"))
    assert "dock 1.1.0, compared with nothing: no baseline was recorded" in " ".join(capsys.readouterr().out.split())


def test_nothing_to_judge_is_one_line_without_a_table(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(OLD)]
    capsys.readouterr()
    run_watch(wanted(as_json=False), Ticks(lambda _: None))
    assert (
        capsys.readouterr().out
        == "undecided: nothing was rolled out since the baseline was recorded: nothing to judge\n"
    )


def test_no_calls_have_no_mean(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER)]
    run_watch(wanted(as_json=False), house.serve(NEW, "1.1.0", each=0))
    out = capsys.readouterr().out
    mean = next(line for line in out.splitlines() if line.lstrip().startswith("mean"))
    assert "no calls" in mean and " 0 ms" not in mean
