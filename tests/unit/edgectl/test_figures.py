"""The figures that `edgectl status` is made of, and what `--help` does not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgectl.cluster.buckets import bracket
from edgectl.cluster.scrape import NoMetrics, Samples
from edgectl.status.quantity import ago, quantity
from edgectl.status.rates import History


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("256Mi", 268435456.0), ("1", 1.0), ("1.5G", 1.5e9), ("", None), ("1x", None)]
)
def test_quantities(text: str, value: float | None) -> None:
    assert quantity(text) == value


def test_times_are_told_shortly() -> None:
    assert [ago(5), ago(120), ago(7200), ago(200000)] == ["5s", "2m", "2h", "2d"]


def test_the_bucket_of_p95() -> None:
    assert bracket({"0.01": 95, "0.025": 5, "+Inf": 0}) == "0-10 ms"
    assert bracket({"0.01": 94, "0.025": 6, "+Inf": 0}) == "10-25 ms"
    assert bracket({"0.01": 0, "+Inf": 1}) == "over 10 ms"
    assert bracket({"0.01": 0, "+Inf": 0}) == "-"


def test_a_process_that_began_anew_has_counted_from_zero() -> None:
    history = History()
    for at, count in ((0.0, 100), (10.0, 20)):
        history.add(at, {"a": Samples(f"# TYPE c counter\nc_total {count}\n")})
    span = history.span("a")
    assert span is not None and span.rate("c_total") == 2.0
    history.add(20.0, {})
    assert history.span("a") is None


def test_what_is_no_metrics_is_refused() -> None:
    with pytest.raises(NoMetrics):
        Samples("<html>\n")


def test_help_waits_for_no_library_of_the_cluster() -> None:
    for command in (["--help"], ["rollout", "watch", "--help"], ["status", "--help"]):
        code = (
            f"import sys; sys.argv = ['edgectl', *{command!r}]\n"
            "from edgectl.main import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print([name for name in ('kubernetes', 'urllib3', 'msgspec', 'prometheus_client') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
        assert "Example" in done.stdout or command == ["--help"]
