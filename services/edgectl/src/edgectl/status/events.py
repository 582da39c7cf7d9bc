"""`edgectl events`: what Kubernetes says of a release's objects."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgectl.cluster.absent import no_such_release
from edgectl.cluster.api import Api, What
from edgectl.cluster.connect import connect
from edgectl.cluster.objects import INSTANCE, OURS, Event, Named
from edgectl.status.quantity import ago

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_WIDTH = 180
# Objects of a release are named after its Deployments: ReplicaSets and pods by hashes, those of hooks by their part.
_TAIL = re.compile(r"(-(preflight|test|guard|baseline))*(-[a-z0-9]{5,10}){0,2}")


def print_events(release: str, *, namespace: str, context: str) -> None:
    """Print a table, the newest last.

    Raises:
        StartError: no such release, or no permission.
    """
    api = connect(context=context)
    place = namespace or api.namespace
    owners = _owners(api, place)
    if release not in owners.values():
        raise no_such_release(api, place, release)
    found = [
        each
        for each in api.list(What("events", place), Event)
        if owner_of(each.involved_object.name, owners) == release
    ]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    shown = _table(sorted(found, key=_when), datetime.now(UTC))
    console.print(shown if found else f"{release}: no events; Kubernetes keeps them for an hour")


def _owners(api: Api, namespace: str) -> dict[str, str]:
    """Return the release of each Deployment here, and of the names that releases have by themselves."""
    found = api.list(What("deployments", namespace), Named, labelSelector=OURS)
    found += api.list(What("pods", namespace), Named, labelSelector=OURS)
    owners = {each.metadata.labels.get(INSTANCE, ""): each.metadata.labels.get(INSTANCE, "") for each in found}
    return owners | {each.metadata.name: each.metadata.labels.get(INSTANCE, "") for each in found}


def owner_of(name: str, owners: dict[str, str]) -> str:
    """Return the release that an object of this name is of: by the longest known name that it begins with; or ""."""
    known = [
        each for each in owners if name == each or (name.startswith(f"{each}-") and _TAIL.fullmatch(name[len(each) :]))
    ]
    return owners[max(known, key=len)] if known else ""


def _table(events: Sequence[Event], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("age", "times", "object", "reason", "message"):
        table.add_column(column, no_wrap=column != "message")
    for event in events:
        style = "yellow" if event.type == "Warning" else ""
        what = f"{event.involved_object.kind.lower()}/{event.involved_object.name}"
        age = ago((now - _when(event)).total_seconds())
        cells = (age, str(event.count or 1), what, event.reason, " ".join(event.message.split()))
        table.add_row(*(Text(cell, style) for cell in cells))
    return table


def _when(event: Event) -> datetime:
    known = event.last_timestamp or event.event_time or event.first_timestamp or event.metadata.creation_timestamp
    return known or _LONG_AGO
