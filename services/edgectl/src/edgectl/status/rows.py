"""The rows of `edgectl status`, as data; JSON is these as they are."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Use(msgspec.Struct, frozen=True):
    """CPU in cores, memory in bytes, of all pods together; None: not known."""

    cpu: float | None = None
    cpu_limit: float | None = None
    memory: float | None = None
    memory_limit: float | None = None


class Rollout(msgspec.Struct, frozen=True):
    """The last revision of the release, and what decided it: a watch, or a hook Job that failed (`by`).

    `outcome` is of `version`: good, bad, undecided, or refused by a hook; `present`: its pods still serve.
    """

    revision: int | None = None
    status: str = ""
    at: datetime | None = None
    version: str = ""
    outcome: str = ""
    by: str = ""
    why: str = ""
    done: str = ""
    present: bool = False


class CameraRow(msgspec.Struct, frozen=True):
    """One camera; fps are frames asked about a second, age the bucket of the p95 of frames' age at their answer."""

    camera: str
    state: str
    fps: float | None
    age_p95: str


class Row(msgspec.Struct, frozen=True):
    """One Deployment of a release. `trouble` says what is wrong with it, in a few words each; empty: healthy."""

    namespace: str
    release: str
    track: str
    model: str
    version: str
    digest: str
    ready: int
    wanted: int
    restarts: int
    rate: float | None
    p95: str
    use: Use
    rollout: Rollout
    cameras: tuple[CameraRow, ...]
    trouble: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return not self.trouble
