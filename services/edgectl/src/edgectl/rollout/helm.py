"""Back to the revision before, with helm; and what helm says of a release, from its Secrets' labels."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from edge_common.errors import StartError
from edgectl.cluster.api import METADATA_ONLY, Api, What
from edgectl.cluster.objects import Named

# Helm's own states of a revision that once was in place and good.
_WAS_GOOD = ("superseded", "deployed")
# What `helm history` says of a revision that came into place: a refused one may be called superseded later, too, but it
# keeps its description.
_CAME_INTO_PLACE = re.compile(r"(Install|Upgrade) complete|Rollback to \d+")
_HISTORY = 30
_HISTORY_TIMEOUT_S = 60
# A rollback waits for pods to be ready: longer than any start, shorter than a night.
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release, as helm's Secret is labelled."""

    release: str
    namespace: str
    number: int
    status: str
    at: datetime | None


class _Described(msgspec.Struct, frozen=True):
    """One row of `helm history --output json`."""

    revision: int
    description: str = ""


def revisions(api: Api, namespace: str | None, release: str = "") -> list[Revision]:
    """Return the revisions of a release, or of all, oldest first."""
    selector = "owner=helm" + (f",name={release}" if release else "")
    found = api.list(What("secrets", namespace), Named, METADATA_ONLY, labelSelector=selector)
    rows = [_revision(each) for each in found]
    return sorted((row for row in rows if row is not None), key=lambda row: (row.namespace, row.release, row.number))


def _revision(found: Named) -> Revision | None:
    meta, labels = found.metadata, found.metadata.labels
    number = labels.get("version", "")
    if not number.isdecimal():
        return None
    changed = labels.get("modifiedAt", "")
    marked = datetime.fromtimestamp(int(changed), UTC) if changed.isdecimal() else None
    # Helm 4 begins a revision with the label of the one before.
    at = max((when for when in (marked, meta.creation_timestamp) if when), default=None)
    return Revision(labels.get("name", ""), meta.namespace, int(number), labels.get("status", ""), at)


def good_before(rows: Sequence[Revision], refused: Container[int] = ()) -> int | None:
    """Return the revision to go back to: the last before the present that was in place and is not `refused`."""
    present = max((row.number for row in rows), default=0)
    good = (row.number for row in rows if row.status in _WAS_GOOD and row.number not in refused)
    return max((number for number in good if number < present), default=None)


def refused(helm: str, api: Api, namespace: str, release: str) -> frozenset[int]:
    """Return the last revisions that never came into place, as `helm history` describes them.

    Raises:
        StartError: helm failed, or said something that is no history.
    """
    command = [helm, "history", release, "--namespace", namespace, "--output", "json", f"--max={_HISTORY}"]
    said = _run([*command, *_context(api)], f"helm history {release}", _HISTORY_TIMEOUT_S)
    try:
        rows = msgspec.json.decode(said, type=list[_Described])
    except msgspec.DecodeError as exc:
        raise StartError(f"helm history {release}: want its revisions as JSON, found: {exc}") from None
    return frozenset(row.revision for row in rows if not _CAME_INTO_PLACE.match(row.description))


def in_place(rows: Sequence[Revision]) -> int:
    """Return the revision whose pods run: the newest, when helm calls it deployed; 0 when nobody can tell."""
    newest = max(rows, key=lambda row: row.number, default=None)
    return newest.number if newest is not None and newest.status == "deployed" else 0


def need_helm() -> str:
    """Return helm's path.

    Raises:
        StartError: it is not on PATH.
    """
    found = shutil.which("helm")
    if found is None:
        raise StartError("helm is not on PATH, and a rollback needs it; install it, or give --no-rollback")
    return found


def rollback(helm: str, api: Api, namespace: str, release: str, number: int) -> None:
    """Run `helm rollback RELEASE REVISION --wait`.

    Raises:
        StartError: helm failed; the text ends with helm's last line.
    """
    command = [helm, "rollback", release, str(number), "--namespace", namespace, "--wait", f"--timeout={_TIMEOUT_S}s"]
    _run([*command, *_context(api)], f"helm rollback {release} {number}", _TIMEOUT_S + 60)


def _context(api: Api) -> list[str]:
    return ["--kube-context", api.context] if api.context else []


def _run(command: Sequence[str], what: str, timeout_s: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise StartError(f"{what}: no end after {timeout_s:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        raise StartError(f"{what}: exit code {done.returncode}: {last}")
    return done.stdout
