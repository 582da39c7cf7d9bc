"""`edge-camera replay SPOOL`: the events of a spool as they were."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from edge_camera.spool.format import PRIORITIES, Entry
from edge_camera.tools.choose import Chosen, Wanted
from edge_camera.tools.parser import CommandParser, moment, valued
from edge_common.settings import whole

REFUSED = 1
KINDS = ("detection", "summary", "state", "alert")


def run(argv: Sequence[str]) -> int:
    """Print what is wanted on stdout, one JSON object a line, byte for byte as it was spooled; or send it to sinks.

    The exit code is 1 when a sink has refused some of it.

    Raises:
        StartError: the config cannot be used, or a sink takes nothing.
        OSError: no spool, or stdout takes no more.
    """
    options = _parser().parse_args(argv)
    chosen = Chosen(
        options.spool,
        Wanted(
            camera=options.camera,
            kind=options.kind,
            priority=options.priority,
            since=options.since,
            until=options.until,
        ),
    )
    entries, whole_lot = islice(chosen, options.limit), True
    if options.to is None:
        _print(entries)
    else:
        # Imported here: the sinks' libraries.
        from edge_camera.tools.send import send_to

        whole_lot = send_to(options.to, entries)
    if chosen.unreadable:
        print(f"edge-camera replay: {chosen.unreadable} entries are no events: left out", file=sys.stderr)
    return 0 if whole_lot else REFUSED


def _print(entries: Iterable[Entry]) -> None:
    for entry in entries:
        sys.stdout.buffer.write(entry.line + b"\n")
    sys.stdout.buffer.flush()


def _parser() -> CommandParser:
    parser = CommandParser(
        "replay",
        "Print the events that a spool holds, delivered or not, oldest first, with their own ids and times;\n"
        "or, with --to, send them once more to the sinks that the config CONFIG names.\n"
        "Nothing is changed or locked: the program that writes the spool may run meanwhile.",
        "examples:  edge-camera replay /var/lib/edge/spool --since 2h --kind alert\n"
        "           edge-camera replay /var/lib/edge/spool --camera dock-3 | tail -n 1\n"
        "           edge-camera replay /var/lib/edge/spool --since 2026-11-20T22:00:00Z --to cameras.toml",
    )
    parser.add_argument("spool", type=Path, metavar="SPOOL", help="folder of the spool (sinks.spool.path)")
    parser.add_argument("--camera", metavar="NAME", help="only of this camera")
    parser.add_argument("--kind", choices=KINDS, help="only of this kind")
    parser.add_argument("--priority", choices=PRIORITIES, help="only of this priority")
    parser.add_argument("--since", type=moment, metavar="T", help="captured at T or later: a time, or 30m, 2h, 3d ago")
    parser.add_argument("--until", type=moment, metavar="T", help="captured before T")
    parser.add_argument("--limit", type=valued(whole(1, 1 << 40)), metavar="N", help="at most N events")
    parser.add_argument("--to", type=Path, metavar="CONFIG", help="send to the [sinks] of a config; progress on stderr")
    return parser
