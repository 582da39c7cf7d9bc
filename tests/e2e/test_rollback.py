"""The way back, under load: offline from what the node holds, and never to a version that was refused."""

from __future__ import annotations

import json
import time

import pytest

from e2e.clients import changes, load, versions
from e2e.cluster import Cluster
from e2e.releases import DETECTOR, serving, uids, upgrade

pytestmark = pytest.mark.e2e
# "Back in seconds", on two cores that also run the clients.
SECONDS = 60.0


def test_a_rollback_needs_no_uplink(models: Cluster, healed: Cluster) -> None:
    upgrade(models, DETECTOR, "model.version=1.1.0")
    healed.on_lab("cut")
    with load(models, DETECTOR, clients=4) as clients:
        clients.settle("1.1.0")
        begun = time.monotonic()
        models.helm("rollback", DETECTOR, "--wait", "--timeout", "60s")
        took = time.monotonic() - begun
        clients.settle("1.0.0")
        lines = clients.end()
    print(f"rollback with the uplink cut: {took:.1f} s")
    assert changes(lines) == [1] * 4
    assert took < SECONDS


def refuse(cluster: Cluster) -> int:
    """Be refused an upgrade to 1.2.0; return the revision that serves. Without a revision Helm now takes the refused one."""
    assert upgrade(cluster, DETECTOR, "model.version=1.2.0", check=False).returncode != 0
    *_, refused, last = json.loads(cluster.helm("history", DETECTOR, "-o", "json").stdout)
    assert (refused["status"], last["status"]) == ("failed", "deployed")
    revision: int = last["revision"]
    return revision


def test_a_bare_rollback_after_a_refused_upgrade_gives_the_refused_version_no_traffic(models: Cluster) -> None:
    """Its pod refuses itself; Helm says so at its timeout, and a rollback to a named revision mends it."""
    pods = uids(serving(models, DETECTOR))
    with load(models, DETECTOR, clients=2) as clients:
        good = refuse(models)
        done = models.helm("rollback", DETECTOR, "--wait", "--timeout", "20s", check=False)
        assert done.returncode != 0, done.stdout
        models.helm("rollback", DETECTOR, str(good), "--wait", "--timeout", "60s")
        clients.settle("1.0.0")
        lines = clients.end()
    assert versions(lines) == {"1.0.0"} and changes(lines) == [0, 0]
    assert uids(serving(models, DETECTOR)) == pods, "the same pod has answered all the time"


def test_a_bare_rollback_is_refused_at_once_where_it_is_asked_first(models: Cluster) -> None:
    pods = uids(serving(models, DETECTOR))
    upgrade(models, DETECTOR, "preflight.rollback=true")
    with load(models, DETECTOR, clients=2) as clients:
        refuse(models)
        begun = time.monotonic()
        done = models.helm("rollback", DETECTOR, "--wait", "--timeout", "60s", check=False)
        print(f"rollback to a refused version: refused after {time.monotonic() - begun:.1f} s")
        clients.settle("1.0.0")
        lines = clients.end()
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "golden 001: output" in said, said
    assert versions(lines) == {"1.0.0"} and changes(lines) == [0, 0]
    assert uids(serving(models, DETECTOR)) == pods, "the running pod was never touched"
