"""The pods that are watched, and those they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edgectl.cluster.absent import no_such_release
from edgectl.cluster.api import Api
from edgectl.cluster.objects import Pod
from edgectl.cluster.pods import (
    cut_off,
    leaving,
    newest,
    pods_of,
    ready,
    running,
    serving_status,
    template,
    trouble,
    version,
)
from edgectl.cluster.scrape import NoMetrics, Source
from edgectl.rollout.bounds import Row, State
from edgectl.rollout.figures import Figures, read


@dataclass(slots=True)
class Group:
    """The pods of one version of one track of a release, followed over time."""

    api: Api
    source: Source
    namespace: str
    release: str
    component: str
    template: str
    version: str
    restarts_before: dict[str, int] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    # Why the pods of the last round gave nothing, by pod.
    silent: dict[str, str] = field(default_factory=dict)

    @classmethod
    def newest(cls, api: Api, source: Source, namespace: str, release: str, component: str) -> Group:
        """Return the group of the release's newest version.

        Raises:
            StartError: there is no such release, or it has no pods of this component.
        """
        pods = pods_of(api, namespace, release, component)
        if not pods:
            raise no_such_release(api, namespace, release, component)
        name = newest(pods)
        own = [pod for pod in pods if template(pod) == name]
        restarts = {pod.metadata.name: _restarts(pod) for pod in own}
        return cls(api, source, namespace, release, component, name, version(own[0]), restarts, own)

    @property
    def made(self) -> datetime | None:
        """When the first of its pods was made."""
        return min(
            (pod.metadata.creation_timestamp for pod in self.pods if pod.metadata.creation_timestamp), default=None
        )

    def refresh(self) -> str:
        """Look at the pods anew; return the template hash that is the newest now."""
        pods = pods_of(self.api, self.namespace, self.release, self.component)
        self.pods = [pod for pod in pods if template(pod) == self.template]
        return newest(pods)

    def read(self) -> dict[str, Figures]:
        """Return the figures of every pod that gives some; `silent` has the others."""
        found: dict[str, Figures] = {}
        self.silent = {}
        for pod in self.pods:
            try:
                found[pod.metadata.name] = read(self.source.read(pod))
            except NoMetrics as exc:
                self.silent[pod.metadata.name] = str(exc)
        return found

    def cut(self) -> str:
        """Name a pod that ended since the start because its node or container runtime did; "" without one."""
        lost = [pod.metadata.name for pod in self.pods if cut_off(pod) and (self._again(pod) > 0 or not running(pod))]
        return lost[0] if lost else ""

    def rows(self, figures: Sequence[Figures], *, last: bool) -> list[Row]:
        """What needs no traffic: restarts, readiness, the self-check."""
        return [self._restarted(), self._ready(last=last), _checked(figures)]

    def _restarted(self) -> Row:
        again = {pod.metadata.name: self._again(pod) for pod in self.pods}
        worst = max(again, key=lambda name: again[name], default="")
        if not worst or again[worst] <= 0:
            return Row("restarts", State.FINE, "0", bound="0")
        pod = next(pod for pod in self.pods if pod.metadata.name == worst)
        return Row("restarts", State.BAD, str(sum(again.values())), bound="0", note=f"{worst}: {trouble(pod)}")

    def _again(self, pod: Pod) -> int:
        return _restarts(pod) - self.restarts_before.get(pod.metadata.name, 0)

    def _ready(self, *, last: bool) -> Row:
        staying = [pod for pod in self.pods if not leaving(pod)]
        waiting = [pod for pod in staying if not ready(pod)]
        told = f"{len(staying) - len(waiting)} of {len(staying)}"
        if staying and not waiting:
            return Row("ready", State.FINE, told, bound="all")
        why = f"{waiting[0].metadata.name}: {trouble(waiting[0])}" if waiting else "its pods are gone"
        # A pod may take its time to start, but not longer than the window.
        return Row("ready", State.BAD if last else State.OPEN, told, bound="all", note=why)


def _restarts(pod: Pod) -> int:
    status = serving_status(pod)
    return status.restart_count if status else 0


def _checked(figures: Sequence[Figures]) -> Row:
    failed = sum(each.selfcheck_failures for each in figures)
    state = State.BAD if failed else State.FINE if figures else State.OPEN
    return Row("self-check", state, f"{failed:.0f} failed", bound="0")
