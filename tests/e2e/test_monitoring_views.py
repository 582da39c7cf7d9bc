"""What people look at has data, after load and faults; the pictures are drawn from it into .e2e/pictures."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from e2e.cluster import KEPT, ROOT
from e2e.monitoring import Watch

pytestmark = pytest.mark.e2e
# Grafana's, at the chart's own interval: four scrapes. The kubelet looks at a container each ten seconds or so.
RATE_INTERVAL_S = 60
NOT_HERE = {
    "Temperature": "a virtual machine has no sensors",
}


def test_every_query_of_every_dashboard_has_data_and_is_drawn(watch: Watch) -> None:
    """Over all the time that this Prometheus has run; run alone, it has seen neither load nor faults."""
    minutes = str((time.time() - watch.since) / 60)
    options = ("--minutes", minutes, "--rate-interval", str(RATE_INTERVAL_S))
    done = charts("dashboard_answers.py", watch.prometheus.url, *options)
    empty = [line for line in done.stdout.splitlines() if not any(f": {panel}: " in line for panel in NOT_HERE)]
    assert done.stderr == ""
    assert empty == [], "\n".join(empty)
    drawn = charts("dashboard_pictures.py", watch.prometheus.url, *options, "--output", str(KEPT / "pictures"))
    assert drawn.returncode == 0, drawn.stderr
    assert len(drawn.stdout.split()) == 3


def charts(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"charts/{program}", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
