"""`edgectl` finds services by the labels and the port that the charts give them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edgectl.cluster.objects import Pod
from edgectl.cluster.pods import SERVICES, metrics_port
from helm_support import render
from kube_support import selected


@pytest.mark.parametrize(
    ("chart", "values", "found"),
    [
        pytest.param("edge-inference", {"candidate": {"enabled": True, "version": "2.0.0"}}, 2, id="models"),
        pytest.param("camera-ingest", {}, 1, id="cameras"),
        pytest.param("edge-inference", {"nameOverride": "belts"}, 1, id="another-name"),
        pytest.param("edge-monitoring", {}, 0, id="what-watches-them"),
    ],
)
def test_what_edgectl_takes_for_a_service(chart: str, values: dict[str, Any], found: int) -> None:
    deployments = [each for each in render(chart, values) if each["kind"] == "Deployment"]
    ours = [each for each in deployments if selected(each["metadata"]["labels"], SERVICES)]
    pods = [each["spec"]["template"] for each in ours]
    assert deployments and len(ours) == found
    assert all(selected(each["metadata"]["labels"], SERVICES) for each in pods)
    assert None not in [metrics_port(msgspec.convert(each, Pod)) for each in pods]
