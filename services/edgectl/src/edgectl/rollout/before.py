"""The version before: recorded in a ConfigMap, since its pods are gone when the new ones are watched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Missing, What
from edgectl.cluster.objects import INSTANCE, PART_OF, ConfigMap
from edgectl.rollout.tally import Window

T = TypeVar("T")
_BASELINE, _VERDICT = "baseline.json", "verdict.json"
# Traffic of another day says little; and an older one is of another upgrade.
OLDEST = timedelta(days=1)


class Baseline(msgspec.Struct, frozen=True):
    """`window` is from the minutes before the upgrade, `since_start` all that the pods counted since they started.

    `template` is the pods' template hash: by it one sees that nothing was rolled out. `revision` is helm's, to which a
    rollback goes; 0 when it was not to be known, as for the guard, which leaves the rollback to Helm.
    """

    version: str
    template: str
    at: datetime
    window: Window = Window()
    since_start: Window = Window()
    revision: int = 0

    def of_this_upgrade(self, made: datetime | None) -> bool:
        """Was it recorded shortly before the pods that were `made` then?"""
        return made is None or made - self.at <= OLDEST

    def figures(self, min_requests: int) -> Window | None:
        """Return the window when it holds calls enough, else everything since the start, else None."""
        for each in (self.window, self.since_start):
            if each.total.calls >= min_requests:
                return each
        return None


class Decided(msgspec.Struct, frozen=True):
    """What a watch said in the end, and what was done."""

    version: str
    before: str
    outcome: str
    why: str
    done: str
    at: datetime
    template: str = ""


class Book:
    """The ConfigMap `RELEASE-rollout-baseline`: one baseline, one verdict."""

    def __init__(self, api: Api, namespace: str, release: str) -> None:
        self._api = api
        self._release = release
        self.what = What("configmaps", namespace, f"{release}-rollout-baseline")

    def baseline(self) -> Baseline | None:
        """Return the baseline; None when nobody recorded one."""
        return self._read(_BASELINE, Baseline)

    def decided(self) -> Decided | None:
        return self._read(_VERDICT, Decided)

    def write(self, entry: Baseline | Decided) -> None:
        """Record. A new baseline takes the verdict on the version before it away."""
        text = msgspec.json.encode(entry).decode()
        kept = self._object()
        data = {_BASELINE: text} if isinstance(entry, Baseline) else {**(kept.data if kept else {}), _VERDICT: text}
        self._api.send("update" if kept else "create", self.what, self._document(kept, data))

    def _document(self, kept: ConfigMap | None, data: Mapping[str, str]) -> dict[str, object]:
        meta: dict[str, object] = {
            "name": self.what.name,
            "namespace": self.what.namespace,
            "labels": kept.metadata.labels if kept else {INSTANCE: self._release, PART_OF: "edge-serve"},
            "annotations": kept.metadata.annotations if kept else {},
        }
        if kept:
            meta["resourceVersion"] = kept.metadata.resource_version
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}

    def _object(self) -> ConfigMap | None:
        try:
            return self._api.get(self.what, ConfigMap)
        except Missing:
            return None

    def _read(self, key: str, kind: type[T]) -> T | None:
        found = self._object()
        if found is None or key not in found.data:
            return None
        try:
            return msgspec.json.decode(found.data[key], type=kind)
        except msgspec.DecodeError as exc:
            raise StartError(f"{self.what}: {key}: {exc}; delete the ConfigMap, or record anew") from None


def usable(baseline: Baseline | None, made: datetime | None, min_requests: int) -> tuple[Window | None, str]:
    """Return the figures to compare with, and where they are from or why there are none."""
    if baseline is None:
        return None, "no baseline was recorded: `edgectl rollout baseline` does, before an upgrade"
    if not baseline.of_this_upgrade(made):
        return None, f"the baseline of {baseline.version} is a day older than these pods"
    figures = baseline.figures(min_requests)
    if figures is None:
        return None, f"the baseline of {baseline.version} has fewer than {min_requests} calls"
    span = "in the time before" if figures is baseline.window else "since its start"
    return figures, f"{baseline.version}: {figures.total.calls:.0f} calls {span}"


def utcnow() -> datetime:
    return datetime.now(UTC)
