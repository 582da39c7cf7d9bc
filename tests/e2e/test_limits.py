"""Under a limit of half a core: our one thread beside the host's default."""

from __future__ import annotations

import pytest

from e2e.clients import load, percentiles, rate
from e2e.cluster import KEPT, Cluster
from e2e.releases import DETECTOR, scrape, series, upgrade

pytestmark = pytest.mark.e2e
WINDOW_S = 25
# The first seconds of a new pod are not what it goes on with.
SETTLE_S = 3


def test_threads_follow_the_cpu_limit(models: Cluster) -> None:
    """A table in .e2e/threads.md, of all answers of a window together."""
    rows = ["| CPU limit | threads | p50 ms | p99 ms | requests/s | answers |", "|---|---|---|---|---|---|"]
    for name, threads in (("as the service sets them", 0), ("the host's cores", 2)):
        upgrade(models, DETECTOR, "resources.limits.cpu=500m", f"settings.threads={threads}", "preflight.budget=false")
        used = int(series(scrape(models, DETECTOR, 9090), "edge_inference_threads"))
        assert used == (threads or 1)
        with load(models, DETECTOR, clients=1) as clients:
            lines = clients.window(SETTLE_S + WINDOW_S)[SETTLE_S:]
        p50, p99 = percentiles(lines, 0.5, 0.99)
        count = sum(len(line["times_ms"]) for line in lines)
        rows.append(f"| 500m | {used} ({name}) | {p50:.1f} | {p99:.1f} | {rate(lines):.1f} | {count} |")
    KEPT.joinpath("threads.md").write_text("\n".join(rows) + "\n")
    print("\n".join(rows))
