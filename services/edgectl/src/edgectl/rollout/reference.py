"""What a new version is held against: figures recorded before, pods that still run, or a track beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from edgectl.cluster.api import Api
from edgectl.cluster.pods import STABLE, newest, pods_of, template, version
from edgectl.cluster.scrape import NoMetrics, Source
from edgectl.rollout.before import Baseline, usable
from edgectl.rollout.figures import read
from edgectl.rollout.group import Group
from edgectl.rollout.meter import Meter
from edgectl.rollout.tally import Tally, Window, total


class Reference(Protocol):
    """The version before. `told` says where its figures are from, or why there are none."""

    @property
    def version(self) -> str: ...

    @property
    def told(self) -> str: ...

    @property
    def same_time(self) -> bool:
        """Are its figures of the same time as the new version's?"""
        ...

    def look(self) -> None:
        """Read it, at the same moment as the new version."""

    def window(self, seconds: float) -> Window | None:
        """Return its figures; None when there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Figures that stand still."""

    version: str
    told: str
    figures: Window | None
    same_time: bool = False

    def look(self) -> None:
        """Nothing: they were taken before."""

    def window(self, seconds: float) -> Window | None:  # noqa: ARG002 - the protocol's
        return self.figures


@dataclass(slots=True)
class Beside:
    """The stable version, while its candidate is watched: the same traffic, at the same time."""

    group: Group
    version: str
    told: str
    meter: Meter = field(default_factory=Meter)
    same_time: bool = True

    def look(self) -> None:
        self.group.refresh()
        self.meter.take(self.group)

    def window(self, seconds: float) -> Window | None:
        found = self.meter.window(seconds)
        return found if found.total.calls else None


def beside(api: Api, source: Source, namespace: str, release: str) -> Reference:
    """Return the stable version of the release whose candidate is watched."""
    group = Group.newest(api, source, namespace, release, STABLE)
    return Beside(group, group.version, f"{group.version}, stable, over the same time")


def before(group: Group, baseline: Baseline | None, min_requests: int) -> Reference:
    """Return the best figures of the version before: recorded ones, else those of its pods while they still run."""
    figures, told = usable(baseline, group.made, min_requests)
    if figures is not None and baseline is not None:
        return Recorded(baseline.version, told, figures)
    return _still_running(group, min_requests) or Recorded("", told, None)


def _still_running(group: Group, min_requests: int) -> Reference | None:
    others = [
        pod
        for pod in pods_of(group.api, group.namespace, group.release, group.component)
        if template(pod) != group.template
    ]
    previous = [pod for pod in others if template(pod) == newest(others)]
    found: list[Tally] = []
    for pod in previous:
        try:
            found.append(read(group.source.read(pod)).tally)
        except NoMetrics:
            continue
    figures = Window(total(found))
    if figures.total.calls < min_requests:
        return None
    name = version(previous[0])
    return Recorded(name, f"{name}: {figures.total.calls:.0f} calls of its pods, which still run", figures)
