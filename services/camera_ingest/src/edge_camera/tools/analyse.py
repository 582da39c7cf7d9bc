"""`edge-camera analyse SPOOL`: what a spool holds, counted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from edge_camera.spool.tools import read_all
from edge_camera.tools.analysis import Analysis, analysis, as_text
from edge_camera.tools.counting import Counting
from edge_camera.tools.parser import CommandParser, valued
from edge_common.settings import number

# A quiet scene is told again after 10 s, and behind a motion gate a frame passes after another 10 s; then some.
DEFAULT_GAP_S = 30.0


def run(argv: Sequence[str]) -> int:
    """Print the analysis on stdout, and write the plots.

    Raises:
        OSError: no spool, no place for the plots, or stdout takes no more.
    """
    options = _parser().parse_args(argv)
    longest = timedelta(seconds=options.gap)
    counting = Counting(longest)
    for entry in read_all(options.spool):
        counting.add(entry.line)
    counting.finish()
    result = analysis(str(options.spool), counting, longest)
    sys.stdout.write(_as_json(result) if options.json else as_text(result))
    sys.stdout.flush()
    _tell_losses(result)
    if options.png is not None:
        # Imported here: OpenCV.
        from edge_camera.tools.plot import write_plots

        for path in write_plots(options.png, result, counting):
            print(path, file=sys.stderr)
    return 0


def _as_json(result: Analysis) -> str:
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def _tell_losses(result: Analysis) -> None:
    for count, what in (
        (result.unreadable, "entries are no events"),
        (result.left_out, "events and answers are over a bound"),
    ):
        if count:
            print(f"edge-camera analyse: {count} {what}: not counted", file=sys.stderr)


def _parser() -> CommandParser:
    parser = CommandParser(
        "analyse",
        "Count what a spool holds, delivered or not: things seen by camera, class and hour, their scores, and gaps.\n"
        "Things are told apart by the id they keep while in the picture; answers without one count each time.\n"
        "Nothing is changed or locked: the program that writes the spool may run meanwhile.",
        "examples:  edge-camera analyse /var/lib/edge/spool\n"
        "           edge-camera analyse /var/lib/edge/spool --png plots --gap 60\n"
        "           edge-camera analyse /var/lib/edge/spool --json | jq .classes",
    )
    parser.add_argument("spool", type=Path, metavar="SPOOL", help="folder of the spool (sinks.spool.path)")
    parser.add_argument(
        "--gap", type=valued(number(0.1, 1e7)), default=DEFAULT_GAP_S, metavar="S",
        help=f"a stretch of S seconds without a detection or alert is a gap (default {DEFAULT_GAP_S:g})",
    )  # fmt: skip
    parser.add_argument("--png", type=Path, metavar="DIR", help="also draw one picture a camera into DIR")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
