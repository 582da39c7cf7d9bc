"""`edgectl status`: once, or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.console import Group as Shown
from rich.live import Live

from edge_common.errors import StartError
from edgectl.cluster.connect import connect
from edgectl.cluster.scrape import ThroughApiServer
from edgectl.status.collect import Collector, Seen
from edgectl.status.join import rows
from edgectl.status.rows import Row
from edgectl.status.table import tables

_EVERY_S = 2.0
_WIDTH = 180


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    namespace: str
    everywhere: bool
    watch: bool
    over_s: float
    as_json: bool
    context: str


def show(wanted: Wanted) -> bool:
    """Show the status; return whether all is healthy."""
    api = connect(context=wanted.context)
    namespace = None if wanted.everywhere else wanted.namespace or api.namespace
    collector = Collector(api, ThroughApiServer(api), namespace)
    collector.look(time.monotonic())
    time.sleep(wanted.over_s)
    seen, found = _look(collector)
    if wanted.watch:
        return _again(collector, wanted, seen, found)
    if wanted.as_json:
        print(_json(seen, found))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
        console.print(_shown(seen, found, wanted))
    return _healthy(seen, found)


def _again(collector: Collector, wanted: Wanted, seen: Seen, found: list[Row]) -> bool:
    """Show and show again until Ctrl-C; return how it was then."""
    try:
        with _screen(wanted) as tell:
            while True:
                tell(seen, found)
                time.sleep(_EVERY_S)
                try:
                    seen, found = _look(collector)
                except StartError as exc:
                    # What was seen last stays, with why it is old.
                    seen.notes[:], seen.fresh = [str(exc)], False
    except KeyboardInterrupt:
        pass
    return _healthy(seen, found)


@contextmanager
def _screen(wanted: Wanted) -> Iterator[Callable[[Seen, list[Row]], None]]:
    """Give what shows a round: as a line of JSON, or in the place of the one before."""
    if wanted.as_json:
        yield lambda seen, found: print(_json(seen, found), flush=True)
        return
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        yield lambda seen, found: live.update(_shown(seen, found, wanted), refresh=True)


def _json(seen: Seen, found: list[Row]) -> str:
    at = seen.at.replace(microsecond=0)
    told = {"at": at, "healthy": _healthy(seen, found), "releases": found, "notes": seen.notes}
    return msgspec.json.encode(told).decode()


def _look(collector: Collector) -> tuple[Seen, list[Row]]:
    seen = collector.look(time.monotonic())
    return seen, rows(seen, datetime.now(UTC))


def _shown(seen: Seen, found: list[Row], wanted: Wanted) -> Shown:
    return tables(found, seen.notes, datetime.now(UTC), namespaces=wanted.everywhere)


def _healthy(seen: Seen, found: list[Row]) -> bool:
    """Is all well, as far as one can see now?"""
    return seen.fresh and all(row.healthy for row in found)
