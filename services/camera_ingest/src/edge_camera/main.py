"""`edge-camera CONFIG` runs the pod; `edge-camera COMMAND ...` is one of the tools beside it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from edge_camera.settings import Settings
from edge_camera.tools.commands import BAD_INPUT, COMMANDS, mistyped, run_command
from edge_common.errors import StartError
from edge_common.flags import Parser
from edge_common.logs import configure
from edge_common.settings import add_flags, load_settings


def main(argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> None:
    """Entry point; exit code 2 and one line on stderr for anything wrong with settings, config or input."""
    # A crash inside a library says in which thread and line.
    faulthandler.enable()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        sys.exit(run_command(arguments[0], arguments[1:]))
    parser = _parser()
    if arguments and (fault := mistyped(arguments[0])):
        parser.error(fault)
    options = vars(parser.parse_args(arguments))
    try:
        path = options.pop("config")
        settings = load_settings(Settings, os.environ if env is None else env, options)
        configure(settings.log_level)
        code = _run_pod(settings, path)
    except StartError as exc:
        print(f"edge-camera: {exc}", file=sys.stderr)
        code = BAD_INPUT
    _leave(code)


def _run_pod(settings: Settings, path: Path) -> int:
    # Imported here: it brings OpenCV, Flask and the server, and no command waits for those.
    from edge_camera.pod import run

    return run(settings, path)


def _parser() -> Parser:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())
    parser = Parser(
        "edge-camera",
        "Feed camera frames to an inference service and turn the answers into events.",
        f"commands (`edge-camera COMMAND --help` tells more; a config file of such a name is ./NAME):\n{commands}\n\n"
        "examples:  edge-camera cameras.toml --port 8090\n"
        "           edge-camera clip.toml --exit-at-end true --report totals.json\n"
        "           edge-camera check cameras.toml\n"
        "           edge-camera discover --toml >> cameras.toml\n"
        "           edge-camera replay /var/lib/edge/spool --since 2h --kind alert\n"
        "           edge-camera analyse /var/lib/edge/spool --png plots",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="config file (TOML)")
    add_flags(parser, Settings)
    return parser


def _leave(code: int) -> NoReturn:
    """End at once: a thread held by a viewer that has stopped reading, or by a log nobody reads, must not hold it."""
    # Closed from outside, or a full disk: the exit code still tells.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
