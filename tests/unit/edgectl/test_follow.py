"""`edgectl logs --follow` goes on with the pods that take the places of others. In a process: it ends with Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO

import pytest

from kube_support import POD, Kube, pod

pytestmark = pytest.mark.deploy

SECOND, THIRD = "dock-aaaaaaaaa-22222", "dock-aaaaaaaaa-33333"


@pytest.fixture
def follower(cluster: Kube) -> Iterator[subprocess.Popen[bytes]]:
    cluster.logs[POD] = "one\n"
    command = ["from edgectl.main import main; main()", "logs", "dock", "--follow"]
    with subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def said(of: IO[bytes] | None) -> bytes:
    assert of is not None
    return of.readline()


def test_a_pod_that_is_replaced_and_one_that_begins_anew(cluster: Kube, follower: subprocess.Popen[bytes]) -> None:
    assert line(follower) == b"one\n"
    cluster.logs = {SECOND: "two\n"}
    cluster.objects["pods"] = [pod(SECOND)]
    assert line(follower) == f"{SECOND}: two\n".encode()
    cluster.logs = {SECOND: "three\n"}
    cluster.objects["pods"] = [pod(SECOND, restarts=1)]
    assert line(follower) == f"{SECOND}: three\n".encode()
    follower.send_signal(signal.SIGINT)
    assert follower.wait(30) == 0
    assert follower.stdout is not None and follower.stdout.read() == b""


def test_while_there_is_none_it_waits(cluster: Kube, follower: subprocess.Popen[bytes]) -> None:
    assert line(follower) == b"one\n"
    cluster.objects["pods"] = []
    assert said(follower.stderr) == b"edgectl: no pods now: waiting for the next one\n"
    cluster.away = True
    assert b"etcdserver: request timed out" in said(follower.stderr)
    cluster.logs, cluster.objects["pods"], cluster.away = {THIRD: "back\n"}, [pod(THIRD)], False
    assert line(follower) == f"{THIRD}: back\n".encode()


def test_a_permission_that_was_taken_away_ends_it(cluster: Kube, follower: subprocess.Popen[bytes]) -> None:
    assert line(follower) == b"one\n"
    cluster.refused.add("list pods")
    assert b"no permission to list pods" in said(follower.stderr)
    assert follower.wait(30) == 2
