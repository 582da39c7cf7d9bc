"""edge-monitoring: an alert that fired before Prometheus was started anew fires on, and does not wait anew."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import urllib3
import yaml

from live import until
from monitoring_support import checked, rendered
from prometheus_support import free_port, prometheus

pytestmark = pytest.mark.charts
RULE = {"alert": "Told", "expr": "vector(1)", "for": "1m", "labels": {"severity": "critical"}}


def test_a_restart_does_not_make_a_firing_alert_wait_again(tmp_path: Path) -> None:
    now = int(time.time())
    # What a Prometheus that stopped half a minute ago has left behind: active for ten minutes then.
    samples = [
        f'ALERTS_FOR_STATE{{alertname="Told",severity="critical"}} {now - 600} {at}'
        for at in range(now - 600, now - 29, 15)
    ]
    before = tmp_path / "before.txt"
    before.write_text("\n".join(["# TYPE ALERTS_FOR_STATE gauge", *samples, "# EOF", ""]), encoding="utf-8")
    checked("promtool", "tsdb", "create-blocks-from", "openmetrics", before, tmp_path / "prometheus")
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "told", "rules": [RULE]}]}), encoding="utf-8")
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rules)]}
    with prometheus(rendered(), tmp_path, config, free_port()) as url:

        def firing() -> bool:
            alerts = urllib3.request("GET", f"{url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
            return [each["state"] for each in alerts] == ["firing"]

        until(firing, "the alert fires, a minute's wait not begun anew")
