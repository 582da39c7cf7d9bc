"""The watch: look, compare, and end early only when the version is bad."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge_common.errors import StartError
from edgectl.cluster.api import Missing, Refused
from edgectl.rollout.bounds import MOST_LOOKS, Bounds, Look, State
from edgectl.rollout.group import Group
from edgectl.rollout.judge import Outcome, Verdict, judge
from edgectl.rollout.meter import Meter
from edgectl.rollout.reference import Reference
from edgectl.rollout.tally import Window, total

T = TypeVar("T")
_LEAST_INTERVAL_S, _MOST_INTERVAL_S, _READINGS = 1.0, 10.0, 120
# An API server that restarts, as K3s does on an upgrade, is no fault of the version's.
_PATIENCE_S = 60.0
_FIRST_S = 15.0
CUT_OFF = "its node or container runtime began anew, which says nothing of the version; watch again"


class Clock(Protocol):
    """Time, and waiting for it; tests have one that waits for nothing."""

    def now(self) -> float: ...

    def wait(self, seconds: float) -> None: ...


class RealClock:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to watch, and how often to read and to judge."""

    seconds: float

    @property
    def interval_s(self) -> float:
        return min(max(self.seconds / _READINGS, _LEAST_INTERVAL_S), _MOST_INTERVAL_S)

    @property
    def readings(self) -> int:
        """How often to read after the first time; 0 when there is no time."""
        return math.ceil(self.seconds / self.interval_s)

    def judged(self, reading: int) -> bool:
        """Is this reading one of the few that are judged? The last one is."""
        return reading > 0 and (reading % math.ceil(self.readings / MOST_LOOKS) == 0 or reading == self.readings)


class Unseen(StartError):
    """No pod gave metrics."""


Tell = Callable[[float, Window, Verdict | None], None]


@dataclass(slots=True)
class Watch:
    """One watch of one group of pods. `tell` hears of every reading: the part that is done, figures, verdict."""

    group: Group
    reference: Reference
    bounds: Bounds
    plan: Plan
    clock: Clock
    tell: Tell

    def run(self) -> Verdict:
        """Watch for the plan's time, or until the version is bad.

        Raises:
            StartError: no permission, the API server was away for a minute, or no pod gave metrics all the time.
        """
        meter, begun, verdict = Meter(), self.clock.now(), Verdict(Outcome.UNDECIDED, "nothing seen", ())
        seen, read = begun, 0
        for reading in range(self.plan.readings + 1):
            self.clock.wait(begun + reading * self.plan.interval_s - self.clock.now())
            last = reading == self.plan.readings
            try:
                if ends := patiently(lambda: self._look(meter), self.clock, _FIRST_S if last else 0):
                    return Verdict(Outcome.UNDECIDED, ends, verdict.rows)
            except Refused:
                raise
            except StartError as exc:
                if last and meter.latest:
                    return _at_least(self._judged(meter, read), Look(read / self.plan.readings), exc)
                if last or self.clock.now() - seen > _PATIENCE_S:
                    raise
                continue
            seen, read = self.clock.now(), reading
            verdict = self._judged(meter, reading) if self.plan.judged(reading) else verdict
            self.tell(reading / self.plan.readings, self._window(meter, reading), verdict)
            if verdict.outcome is Outcome.BAD:
                return verdict
        if not meter.latest:
            raise silence(self.group)
        return verdict

    def _look(self, meter: Meter) -> str:
        """Read both versions; return why there is nothing to judge any more, or ""."""
        if self.group.refresh() not in ("", self.group.template):
            return "another version was rolled out meanwhile"
        # What a box does in its first minutes after a power cut is not the version's doing, either.
        if cut := self.group.cut():
            return f"{cut}: {CUT_OFF}"
        meter.take(self.group)
        self.reference.look()
        return ""

    def _judged(self, meter: Meter, reading: int) -> Verdict:
        look = Look(reading / self.plan.readings)
        figures = list(meter.latest.values())
        budget_s = max((each.budget_s for each in figures), default=0.0)
        before, now = self.reference.window(reading * self.plan.interval_s), self._window(meter, reading)
        if before is not None and before.total.calls < self.bounds.min_requests:
            before = None
        pods, same_time = self.group.rows(figures, last=look.last), self.reference.same_time
        return judge(before, now, pods, self.bounds, look, budget_s=budget_s, same_time=same_time)

    def _window(self, meter: Meter, reading: int) -> Window:
        return meter.window(reading * self.plan.interval_s)


def _at_least(seen: Verdict, look: Look, why: StartError) -> Verdict:
    """Return what holds though the last look failed, `look` being the last that did not."""
    ready = all(row.state is State.FINE for row in seen.rows if row.what == "ready")
    if seen.outcome is not Outcome.GOOD or (ready and look.settled):
        return seen
    return Verdict(Outcome.UNDECIDED, f"not seen to its end: {why}", seen.rows)


def silence(group: Group) -> Unseen:
    pod, why = next(iter(group.silent.items()), (group.release, "no pods"))
    return Unseen(f"{pod}: no metrics yet: {why}")


def measure(group: Group, plan: Plan, clock: Clock, tell: Callable[[float, Window], None]) -> tuple[Window, Window]:
    """Return what the group does in the plan's time, and what it has done since its start.

    Raises:
        Unseen: no pod gives metrics.
    """
    patiently(lambda: _heard(group), clock)
    meter, begun = Meter(), clock.now()
    for reading in range(plan.readings + 1):
        clock.wait(begun + reading * plan.interval_s - clock.now())
        meter.take(group)
        tell(reading / max(1, plan.readings), meter.window(plan.seconds))
    if not meter.latest:
        raise silence(group)
    return meter.window(plan.seconds), Window(total(each.tally for each in meter.latest.values()))


def _heard(group: Group) -> None:
    if not group.read():
        raise silence(group)


def patiently(ask: Callable[[], T], clock: Clock, seconds: float = _FIRST_S, only: type[StartError] = StartError) -> T:
    """Return what `ask` returns; for some seconds StartErrors, or `only` such ones, are waited out.

    Network policies learn the address of a new pod, such as the guard's, a moment after its start.
    """
    end = clock.now() + seconds
    while True:
        try:
            return ask()
        except (Refused, Missing):
            raise
        except only:
            if clock.now() >= end:
                raise
            clock.wait(1.0)
