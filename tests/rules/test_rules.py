"""The rules: valid, tested in every case that matters, written down in the runbook, and about series that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rules_support import CASES, ROOT, RULES, alerts, exported, expressions, load, matchers, rules, run, series, tool

RUNBOOK = ROOT / "docs/runbook.md"
SEVERITIES = {"critical", "warning", "info"}
SECTIONS = ["What it means", "First look", "Likely causes", "What to do", "When it clears"]
KINDS = ["fires", "does not fire", "no traffic", "restart"]
# Series of others: Prometheus itself, node-exporter and cAdvisor, in Debian's versions and in the public images'.
FOREIGN = {
    "up",
    "alertmanager_notifications_failed_total",
    "prometheus_remote_storage_bytes_total",
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_memory_working_set_bytes",
    "container_spec_memory_limit_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_readonly",
    "node_filesystem_size_bytes",
    "node_hwmon_temp_celsius",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_thermal_zone_temp",
    "node_timex_offset_seconds",
    "node_timex_sync_status",
}
# Of the service itself, and nowhere a label of a scraped target (docs/metrics.md, docs/camera.md).
OWN_LABELS = {"outcome", "cause", "state", "priority", "le", "of"}
NAMES = sorted({rule["alert"] for rule in alerts()})


def _promtool(*command: str | Path) -> None:
    done = run(tool("promtool", "prometheus"), *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules() -> None:
    _promtool("check", "rules", *RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_promtool(case: Path) -> None:
    _promtool("test", "rules", case)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Edge([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert re.fullmatch(r"[1-9]\d*[mh]", rule["for"])
    # Numbers, not adjectives: the value, or the bound that was passed.
    assert re.search(r"\$value|\d", rule["annotations"]["description"])


def test_every_alert_has_its_part_of_the_runbook_and_no_part_is_left_over() -> None:
    parts = re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {part.partition("\n")[0]: part for part in parts}
    assert sorted(title for title in found if title.startswith("Edge")) == NAMES
    for name in NAMES:
        assert re.findall(r"^\*\*(.+?)\.?\*\*", found[name], re.MULTILINE) == SECTIONS, name
        first = found[name].partition("**First look")[2].partition("**Likely causes")[0]
        assert re.search(r"`(edgectl|kubectl) ", first), f"{name}: want a command under First look"


def test_every_alert_has_tests_and_every_test_an_alert() -> None:
    assert [case.stem for case in CASES] == NAMES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_kind_of_case_is_there_and_is_what_it_says(case: Path) -> None:
    page = load(case)
    kinds = []
    for test in page["tests"]:
        alert, _, rest = test["name"].partition(": ")
        kind = rest.partition(",")[0]
        assert (alert, kind in KINDS) == (case.stem, True), test["name"]
        kinds.append(kind)
        asked = [*test.get("alert_rule_test", []), *test.get("promql_expr_test", [])]
        assert asked, test["name"]
        assert {one["alertname"] for one in test.get("alert_rule_test", [])} <= {alert}
        told = [one for one in asked if one.get("exp_alerts") or one.get("exp_samples")]
        assert kind != "fires" or told, f"{test['name']}: nothing fires"
        assert kind != "no traffic" or not told, f"{test['name']}: something fires"
        # What does not fire may have fired before, but not at the end.
        assert kind != "does not fire" or _quiet_at_the_end(test), test["name"]
    assert set(kinds) == set(KINDS)


def _quiet_at_the_end(test: dict[str, Any]) -> bool:
    return bool(test["alert_rule_test"]) and not test["alert_rule_test"][-1]["exp_alerts"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_rule_of_an_alert_is_seen_firing(case: Path) -> None:
    """One that no test sees with its words could say anything."""
    seen = {
        (told["exp_labels"]["severity"], told["exp_labels"].get("sign"))
        for test in load(case)["tests"]
        for one in test.get("alert_rule_test", [])
        for told in one["exp_alerts"]
    }
    wanted = {
        (rule["labels"]["severity"], rule["labels"].get("sign")) for rule in alerts() if rule["alert"] == case.stem
    }
    assert seen == wanted


def test_recorded_names_tell_level_metric_and_operations() -> None:
    names = [rule["record"] for rule in rules() if "record" in rule]
    assert len(names) == len(set(names))
    for name in names:
        level, metric, operation = name.split(":")
        assert level in {"release", "release_outcome", "camera", "pod", "node", "gateway"}, name
        assert metric and operation, name


def test_every_series_is_exported_recorded_or_of_a_known_exporter() -> None:
    known = {*exported(), *FOREIGN, *(rule["record"] for rule in rules() if "record" in rule)}
    named = set().union(*map(series, expressions()))
    assert named - known == set()
    assert FOREIGN - named == set(), "no rule asks for these any more"


def test_every_label_value_that_is_asked_for_exists() -> None:
    values: dict[str, set[str]] = {}
    for labels in exported().values():
        for label, found in labels.items():
            values.setdefault(label, set()).update(found)
    asked = {(label, value) for expr in expressions() for label, value in matchers(expr) if label in OWN_LABELS}
    assert {label for label, _ in asked} == OWN_LABELS
    assert [(label, value) for label, value in sorted(asked) if value not in values[label]] == []


def test_counters_are_read_by_their_increase() -> None:
    """A counter's own value breaks at each restart; the one that is 0 or 1 for a process's life is the exception."""
    for expr in expressions():
        bare = re.sub(r"\{[^{}]*\}", "", expr)
        for counter in re.findall(r"\b\w+_(?:total|bucket|count|sum)\b", bare):
            if counter != "edge_inference_selfcheck_failures_total":
                assert re.search(rf"\b(rate|increase)\(\s*{counter}\[", bare), expr
