"""Back to the revision before, with helm; and what helm says of a release, from its Secrets' labels."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_common.errors import StartError
from edgectl.cluster.api import METADATA_ONLY, Api, What
from edgectl.cluster.objects import Named

# Helm's own states of a revision that once was in place and good.
_WAS_GOOD = ("superseded", "deployed")
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
    at = datetime.fromtimestamp(int(changed), UTC) if changed.isdecimal() else meta.creation_timestamp
    return Revision(labels.get("name", ""), meta.namespace, int(number), labels.get("status", ""), at)


def good_before(rows: Sequence[Revision]) -> int | None:
    """Return the revision to go back to: the last one before the present that once was in place."""
    present = max((row.number for row in rows), default=0)
    return max((row.number for row in rows if row.number < present and row.status in _WAS_GOOD), default=None)


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
    command += ["--kube-context", api.context] if api.context else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S + 60, check=False)
    except subprocess.TimeoutExpired:
        raise StartError(f"helm rollback {release} {number}: no end after {_TIMEOUT_S + 60} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing on stderr"])[-1]
        raise StartError(f"helm rollback {release} {number}: exit code {done.returncode}: {last}")
