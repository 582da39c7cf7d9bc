"""A thousand simulated windows: a good version is left alone, a slow, failing or drifting one is caught."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from edge_inference.metrics import SCORES, SECONDS
from edgectl.rollout.bounds import Bounds, Look
from edgectl.rollout.judge import Outcome, Verdict, judge
from edgectl.rollout.tally import MOST_BATCHES, Tally, Window, total

EDGES = [*map(str, SECONDS), "+Inf"]
SCORE_EDGES = [*map(str, SCORES), "+Inf"]
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
CLASSES = ("carton", "crate", "drum")
_SECONDS, _SCORES = np.array(SECONDS), np.array(SCORES)
BOUNDS = Bounds()
# A million calls of lines that other tests measure; the tracer would take twice as long as they do.
pytestmark = [pytest.mark.no_cover, pytest.mark.deploy]


@dataclass(frozen=True, slots=True)
class Version:
    """How a version behaves under cameras: calls, their times and their scores go up and down together for a while."""

    calls: float = 1500.0
    batches: int = MOST_BATCHES
    median_ms: float = 8.0
    # Of one call from the next, and of one half minute from the next.
    sigma: float = 0.35
    drift: float = 0.05
    # How much longer than its own CPU a call takes, because others use the CPU too.
    crowd: float = 1.0
    failing: float = 0.002
    invalid: float = 0.001
    score: float = 6.0
    scene: float = 0.25
    shares: tuple[float, ...] = (0.6, 0.3, 0.1)


def tally(version: Version, random: np.random.Generator) -> Tally:
    calls = int(random.poisson(version.calls / version.batches))
    failed, invalid = random.binomial(calls, version.failing), random.binomial(calls, version.invalid)
    answered = max(0, calls - int(failed) - int(invalid))
    pace = version.median_ms * version.crowd / 1000 * np.exp(random.normal(0, version.drift))
    seconds = pace * np.exp(random.normal(0, version.sigma, answered))
    durations = _binned(seconds, _SECONDS)
    durations[int(np.searchsorted(_SECONDS, 0.0005))] += calls - answered
    # A scene of its own every half minute: scores and classes of neighbours resemble each other.
    liking = max(0.5, version.score + random.normal(0, version.scene * version.score / 3))
    scores = random.beta(liking, 2.0, answered)
    shares = random.dirichlet(np.array(version.shares) * 40)
    return Tally(
        outcomes={"ok": answered, "failed": int(failed), "invalid": int(invalid), "rejected": 0, "timeout": 0},
        durations=dict(zip(EDGES, durations, strict=True)),
        busy_s=float(seconds.sum()),
        cpu_s=float(seconds.sum() / version.crowd) + 0.001 * calls,
        over_budget=int((seconds > 0.05).sum()),
        classes=dict(zip(CLASSES, random.multinomial(answered, shares).tolist(), strict=True)),
        scores=dict(zip(SCORE_EDGES, _binned(scores, _SCORES), strict=True)),
    )


def _binned(values: Numbers, edges: Numbers) -> list[float]:
    found: list[float] = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1).astype(float).tolist()
    return found


def window(version: Version, random: np.random.Generator) -> Window:
    batches = tuple(tally(version, random) for _ in range(version.batches))
    return Window(total(batches), batches, 600.0)


def watched(before: Window | None, now: Window, bounds: Bounds) -> Verdict:
    """Look again and again as the window fills; stop at the first `bad`."""
    count, so_far = len(now.batches), Tally()
    for seen in range(4, count + 1, 4):
        so_far = total([so_far, *now.batches[seen - 4 : seen]])
        part = Window(so_far, now.batches[:seen], 600.0)
        verdict = judge(before, part, (), bounds, Look(seen / count), budget_s=0.05)
        if verdict.outcome is Outcome.BAD:
            return verdict
    return verdict


@functools.lru_cache(maxsize=1)
def simulated(old: Version, new: Version, windows: int) -> list[tuple[Window, Window]]:
    """Return so many rollouts, before and after; a test beside the last one looks at the same ones."""
    random = np.random.default_rng(20261121)
    return [(window(old, random), window(new, random)) for _ in range(windows)]


def outcomes(old: Version, new: Version, windows: int, *, at_once: bool = False) -> list[Verdict]:
    """Watch `windows` rollouts; with `at_once` the figures before are one reading, without batches."""
    found = []
    for before, now in simulated(old, new, windows):
        seen = Window(before.total, (), before.seconds) if at_once else before
        found.append(watched(seen, now, BOUNDS))
    return found


GOOD = Version()
RESTLESS = replace(GOOD, drift=0.15, scene=0.6)


@pytest.mark.parametrize(
    ("version", "windows", "at_once"),
    [
        pytest.param(GOOD, 100, False, id="steady"),
        pytest.param(GOOD, 100, True, id="one-reading-before"),
        pytest.param(RESTLESS, 1000, False, id="restless"),
    ],
)
def test_a_good_version_is_left_alone(version: Version, windows: int, at_once: bool) -> None:
    found = outcomes(version, version, windows, at_once=at_once)
    wrong = [verdict.why for verdict in found if verdict.outcome is not Outcome.GOOD]
    assert len(wrong) <= windows // 1000, wrong


def test_a_few_readings_of_one_scene_are_no_verdict() -> None:
    """Six of them look like hundreds of independent frames; how alike they are only more readings tell."""
    random = np.random.default_rng(20261121)
    before, other_scene = window(GOOD, random), window(replace(GOOD, score=2.0, shares=(0.15, 0.15, 0.7)), random)
    seen = other_scene.batches[:6]
    verdict = judge(before, Window(total(seen), seen, 15.0), (), BOUNDS, Look(0.5), budget_s=0.05)
    early = {row.what for row in verdict.rows if row.note == "too early"}
    assert verdict.outcome is not Outcome.BAD
    assert {"scores", "classes", "p95", "budget"} <= early


def test_a_busier_gateway_is_not_the_versions_fault() -> None:
    found = outcomes(GOOD, replace(GOOD, crowd=2.2), 50)
    assert [verdict.outcome for verdict in found] == [Outcome.UNDECIDED] * 50
    assert "is the gateway busier?" in found[0].why


def test_a_budget_that_was_kept_before_is_no_matter_of_who_is_busy() -> None:
    """Without a version before, this many calls over the budget are bad: they are with one, too."""
    found = outcomes(GOOD, replace(GOOD, crowd=8.0), 20)
    assert [verdict.outcome for verdict in found] == [Outcome.BAD] * 20
    assert all(verdict.why.startswith("budget: ") for verdict in found)


def test_a_budget_that_the_version_before_missed_too_is_no_fault_of_the_new_one() -> None:
    found = outcomes(replace(GOOD, crowd=8.0), replace(GOOD, crowd=8.0), 20)
    assert [verdict.outcome for verdict in found] == [Outcome.GOOD] * 20


@pytest.mark.parametrize(
    ("new", "row"),
    [
        pytest.param(replace(GOOD, median_ms=12.0), "mean", id="slower-by-half"),
        pytest.param(replace(GOOD, failing=0.05), "errors", id="one-in-twenty-fails"),
        pytest.param(replace(GOOD, score=2.0), "scores", id="scores-shifted"),
        pytest.param(replace(GOOD, shares=(0.15, 0.15, 0.7)), "classes", id="classes-shifted"),
        pytest.param(replace(GOOD, median_ms=40.0, sigma=0.2), "p95", id="five-times-slower"),
        pytest.param(replace(GOOD, invalid=0.2), "invalid", id="other-inputs-wanted"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True], ids=["batches", "one-reading"])
def test_a_bad_version_is_caught(new: Version, row: str, at_once: bool) -> None:
    found = outcomes(GOOD, new, 100, at_once=at_once)
    caught = [verdict for verdict in found if verdict.outcome is Outcome.BAD]
    assert len(caught) >= 99
    named = [each.what for verdict in caught for each in verdict.rows if each.state == "bad"]
    assert named.count(row) >= 0.9 * len(caught)
