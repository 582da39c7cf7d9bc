"""Readings, meters, windows, baselines: the parts of a watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from edge_common.errors import StartError
from edgectl.cluster.connect import from_pod
from edgectl.cluster.objects import Pod
from edgectl.cluster.pods import newest
from edgectl.cluster.scrape import NoMetrics, Samples, Straight
from edgectl.rollout import spread
from edgectl.rollout.answers import binned
from edgectl.rollout.before import Baseline, usable
from edgectl.rollout.figures import Figures, read
from edgectl.rollout.helm import Revision, good_before, in_place
from edgectl.rollout.meter import Meter
from edgectl.rollout.seconds import seconds_of
from edgectl.rollout.tally import MOST_BATCHES, Tally, Window, plus, since, window
from edgectl.rollout.watch import Plan
from kube_support import calls, exposition, pod, recorder
from live import Service
from onnx_models import doubler

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def tally(count: float) -> Tally:
    return Tally(outcomes={"ok": count}, durations={"0.01": count, "+Inf": 0.0}, busy_s=count / 100)


def test_a_reading_of_what_the_service_writes() -> None:
    counted = recorder("1.2.0")
    calls(counted, 50, ms=40.0, failed=5)
    figures = read(Samples(exposition(counted, cpu_s=2.5)))
    assert (figures.model, figures.version, figures.tally.cpu_s) == ("dock", "1.2.0", 2.5)
    assert (figures.tally.answered, figures.tally.errors, figures.tally.calls) == (45, 5, 50)
    assert figures.tally.durations["0.05"] == 50 and sum(figures.tally.durations.values()) == 50
    assert 45 * 0.036 <= figures.tally.busy_s <= 45 * 0.044
    assert figures.tally.predictions == 100 == sum(figures.tally.scores.values())


def test_a_service_that_loads_has_no_figures_yet() -> None:
    with pytest.raises(NoMetrics, match="not loaded yet"):
        read(Samples(exposition(recorder(version=""))))


def test_a_meter_counts_from_the_first_look_and_over_restarts() -> None:
    first = Figures("dock", "1", tally(100), started=1.0)
    meter = Meter()
    meter.add({"a": first})
    meter.add({"a": replace(first, tally=tally(130))})
    # Anew: from zero. Then one more pod, which was not there before.
    meter.add({"a": replace(first, tally=tally(7), started=2.0), "b": replace(first, tally=tally(5))})
    meter.add({"b": replace(first, tally=tally(6))})
    assert [each.calls for each in meter.window(3).batches] == [30, 12, 1]
    assert meter.window(3).total.calls == 43


def test_history_of_a_pod_that_was_silent_at_the_first_look_is_not_the_windows() -> None:
    one, other = Figures("dock", "1", tally(100), started=1.0), Figures("dock", "1", tally(90_000), started=2.0)
    meter = Meter()
    meter.add({"a": one}, ["b"])
    meter.add({"a": replace(one, tally=tally(130)), "b": other})
    # A pod that came in between has counted from zero all the same.
    meter.add({"b": replace(other, tally=tally(90_007)), "c": replace(one, tally=tally(5))})
    assert [each.calls for each in meter.window(2).batches] == [30, 12]


def test_counters_that_fall_without_a_new_start_time_began_anew_too() -> None:
    assert since(tally(7), tally(100)) == tally(7)


@given(st.lists(st.integers(0, 50), max_size=200))
def test_batches_keep_every_call(counts: list[int]) -> None:
    found = window([tally(count) for count in counts], 10)
    assert found.total.calls == sum(counts)
    assert len(found.batches) <= MOST_BATCHES
    assert sum(batch.calls for batch in found.batches) == sum(counts)


def test_a_window_survives_the_config_map_and_stays_small() -> None:
    classes = {f"class-{number:03}": 12345.0 for number in range(101)}
    big = msgspec.structs.replace(tally(5), classes=classes, scores={f"0.{n:02}": 1234.0 for n in range(12)})
    whole = window([big] * 120, 600)
    entry = Baseline("1.0.0", "abc", NOW, whole, Window(whole.total))
    text = msgspec.json.encode(entry)
    assert msgspec.json.decode(text, type=Baseline) == entry
    assert len(text) < 200_000


def test_which_figures_of_a_baseline_are_used() -> None:
    few, many = Window(tally(10), (tally(10),), 60.0), Window(tally(5000))
    baseline = Baseline("1.0.0", "abc", NOW, few, many)
    made = NOW + timedelta(minutes=5)
    assert usable(baseline, made, 10) == (few, "1.0.0: 10 calls in the time before")
    assert usable(baseline, made, 11) == (many, "1.0.0: 5000 calls since its start")
    assert usable(baseline, made, 6000)[0] is None
    assert usable(baseline, NOW + timedelta(days=2), 10)[0] is None
    assert usable(None, made, 10)[0] is None


def test_the_newest_version_is_the_one_whose_first_pod_came_last() -> None:
    def one(name: str, hour: int) -> Pod:
        return msgspec.convert(pod(name, made=f"2026-11-21T{hour:02}:00:00Z"), Pod)

    # An old pod that was evicted came back last of all.
    assert newest([one("d-aaaaaaaaa-1", 9), one("d-bbbbbbbbb-1", 11), one("d-aaaaaaaaa-2", 12)]) == "bbbbbbbbb"
    assert newest([]) == ""


@pytest.mark.parametrize(
    ("statuses", "number"),
    [
        (["superseded", "superseded", "deployed"], 2),
        (["superseded", "failed", "deployed"], 1),
        (["failed", "deployed"], None),
        (["deployed"], None),
        ([], None),
    ],
)
def test_where_a_rollback_goes(statuses: list[str], number: int | None) -> None:
    rows = [Revision("dock", "edge", at, status, None) for at, status in enumerate(statuses, 1)]
    assert good_before(rows) == number


@pytest.mark.parametrize(
    ("statuses", "number"),
    [(["superseded", "deployed"], 2), (["deployed", "failed"], 0), (["deployed", "pending-upgrade"], 0), ([], 0)],
)
def test_which_revision_a_baseline_is_of(statuses: list[str], number: int) -> None:
    rows = [Revision("dock", "edge", at, status, None) for at, status in enumerate(statuses, 1)]
    assert in_place(rows) == number


@pytest.mark.parametrize(("text", "length"), [("10m", 600), ("90s", 90), ("1h30m", 5400), ("1h2m3s", 3723)])
def test_lengths_of_time(text: str, length: float) -> None:
    assert seconds_of("--for", text, 10) == length


@pytest.mark.parametrize("text", ["", "10", "5s", "1d", "m", "25h", "-1m", "1.5m"])
def test_lengths_that_are_none(text: str) -> None:
    with pytest.raises(StartError, match="--for"):
        seconds_of("--for", text, 10)


@pytest.mark.parametrize("seconds", [10.0, 45.0, 600.0, 7200.0])
def test_a_plan_judges_a_bounded_number_of_times_and_at_the_end(seconds: float) -> None:
    plan = Plan(seconds)
    judged = [reading for reading in range(plan.readings + 1) if plan.judged(reading)]
    assert judged[-1] == plan.readings and len(judged) <= 21 and 0 not in judged
    assert plan.readings * plan.interval_s >= seconds


def test_calls_that_resemble_their_neighbours_count_as_fewer() -> None:
    assert spread.of_share([5, 4, 6, 5, 5, 4, 6, 5], [100] * 8) == 1.0
    assert spread.of_share([0, 0, 0, 40, 0, 0, 0, 0], [100] * 8) > 20
    assert spread.of_share([40, 0], [100, 100]) == 1.0


def test_small_bins_join_and_keep_every_prediction() -> None:
    old, new = binned({"0.1": 1, "0.5": 50, "0.9": 2, "+Inf": 1}, {"0.1": 0, "0.5": 40, "0.9": 30, "+Inf": 0}, 1, 1)
    assert (old, new) == ([51, 3], [40, 30])
    assert binned({}, {"0.1": 5}, 1, 1) == ([], [])


def test_tallies_add_up_by_name() -> None:
    assert plus(Tally(classes={"a": 1}), Tally(classes={"b": 2}, cpu_s=0.5)) == Tally(
        classes={"a": 1, "b": 2}, cpu_s=0.5
    )


def test_a_pod_beside_is_read_straight(tmp_path: Path) -> None:
    """A real service's port, as the guard reads it."""
    service = Service(doubler(tmp_path / "doubler.onnx"), tmp_path / "log")
    try:
        document = pod("dock-aaaaaaaaa-1")
        document["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": service.metrics_port}]
        figures = read(Straight(urllib3.PoolManager()).read(msgspec.convert(document, Pod)))
        assert (figures.model, figures.version) == ("doubler", "1")
        # Without it, a version that is slow could not be told from a gateway that is busy.
        assert figures.tally.cpu_s > 0 and figures.started > 1e9
    finally:
        service.stop()
    with pytest.raises(NoMetrics):
        Straight(urllib3.PoolManager()).read(msgspec.convert(document, Pod))


def test_in_a_pod_the_service_account_is_the_way_in(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="--in-cluster: want a pod with a service account"):
        from_pod({"KUBERNETES_SERVICE_HOST": "10.43.0.1"}, tmp_path)
    for name, text in (("token", "first\n"), ("namespace", "edge"), ("ca.crt", "")):
        (tmp_path / name).write_text(text)
    api = from_pod({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (api.url, api.namespace) == ("https://[fd00::1]:6443", "edge")
    (tmp_path / "token").write_text("renewed")
    assert api.headers() == {"Authorization": "Bearer renewed"}
