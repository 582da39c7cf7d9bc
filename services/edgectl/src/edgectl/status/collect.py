"""What the API server and the pods say, joined into rows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge_common.errors import StartError
from edgectl.cluster.absent import has_namespace
from edgectl.cluster.api import Api, Refused, What
from edgectl.cluster.objects import COMPONENT, INSTANCE, Deployment, Pod
from edgectl.cluster.pods import SERVICES, serving
from edgectl.cluster.scrape import NoMetrics, Samples, Source
from edgectl.rollout.before import Book, Decided
from edgectl.rollout.helm import Revision, revisions
from edgectl.status.hooks import Hooks, hooks
from edgectl.status.rates import History

# An API server answers so many at once without delay; more would only wait there.
_AT_ONCE = 8


@dataclass(slots=True)
class Seen:
    """One look at a cluster."""

    deployments: list[Deployment]
    pods: list[Pod]
    revisions: dict[tuple[str, str], Revision]
    decided: dict[tuple[str, str], Decided]
    history: History
    silent: dict[str, str]
    hooks: Hooks
    at: datetime
    notes: list[str] = field(default_factory=list)
    # False when this is what was seen before, and now there is no API server to ask.
    fresh: bool = True

    def pods_of(self, deployment: Deployment) -> list[Pod]:
        return [pod for pod in self.pods if _who(pod) == _who(deployment)]


def _who(found: Deployment | Pod) -> tuple[str, str, str]:
    labels = found.metadata.labels
    return found.metadata.namespace, labels.get(INSTANCE, ""), labels.get(COMPONENT, "")


@dataclass(slots=True)
class Collector:
    """Looks, again and again; `namespace` None: all of them."""

    api: Api
    source: Source
    namespace: str | None
    history: History = field(default_factory=History)

    def look(self, at: float) -> Seen:
        """Look at everything; `at` is of a clock that never goes back.

        Raises:
            StartError: there is no service of edge-serve, no permission to list it, or no API server.
        """
        notes: list[str] = []
        jobs, found = hooks(self.api, self.namespace, notes), self._revisions(notes)
        deployments = self.api.list(What("deployments", self.namespace), Deployment, labelSelector=SERVICES)
        known = {_who(each)[:2] for each in deployments}
        # A first install that hangs, or was refused; what an uninstall left behind has no revision.
        deployments += [each for key, each in jobs.wanted.items() if key in found and key not in known]
        if not deployments:
            raise self._nothing()
        pods = self.api.list(What("pods", self.namespace), Pod, labelSelector=SERVICES)
        silent = self._scrape(at, _serving(deployments, pods))
        decided = self._decided(deployments, notes)
        return Seen(deployments, pods, found, decided, self.history, silent, jobs, datetime.now(UTC), notes)

    def _nothing(self) -> StartError:
        if self.namespace and not has_namespace(self.api, self.namespace):
            return StartError(f"there is no namespace {self.namespace}; -n names another, -A shows all")
        place = f"namespace {self.namespace}" if self.namespace else "any namespace"
        return StartError(
            f"no release of edge-inference or camera-ingest in {place}; -n names another namespace, -A shows all"
        )

    def _scrape(self, at: float, pods: Sequence[Pod]) -> dict[str, str]:
        silent: dict[str, str] = {}

        def read(pod: Pod) -> Samples | None:
            try:
                return self.source.read(pod)
            except NoMetrics as exc:
                silent[pod.metadata.name] = str(exc)
                return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = zip(pods, pool.map(read, pods), strict=True)
            self.history.add(at, {pod.metadata.name: samples for pod, samples in found if samples is not None})
        return silent

    def _revisions(self, notes: list[str]) -> dict[tuple[str, str], Revision]:
        try:
            # Oldest first: the newest stays.
            return {(row.namespace, row.release): row for row in revisions(self.api, self.namespace)}
        except Refused as exc:
            notes.append(f"rollouts are not known: {exc}")
            return {}

    def _decided(self, deployments: Sequence[Deployment], notes: list[str]) -> dict[tuple[str, str], Decided]:
        found: dict[tuple[str, str], Decided] = {}
        for namespace, release in sorted({_who(each)[:2] for each in deployments}):
            try:
                decided = Book(self.api, namespace, release).decided()
            except Refused as exc:
                notes.append(f"verdicts are not known: {exc}")
                break
            except StartError as exc:
                # Of one release: the others have theirs.
                notes.append(f"{release}: its verdict is not known: {exc}")
                continue
            if decided:
                found[namespace, release] = decided
        return found


def _serving(deployments: Sequence[Deployment], pods: Sequence[Pod]) -> list[Pod]:
    """Return the pods of Deployments that have metrics, and run."""
    known = {_who(each) for each in deployments}
    return [pod for pod in pods if _who(pod) in known and pod.status.phase == "Running" and serving(pod) is not None]
