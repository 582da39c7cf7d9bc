"""The command line of a service: one line for a fault, no guessing at cut-off flags."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse with `--version` of a distribution named as `prog`, and faults on one line."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            # `--por 80` would pass, and mean something else once there is a second flag of that beginning.
            allow_abbrev=False,
        )
        self.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; try --help\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        # Imported here: it brings the email package, and a start must not wait for that.
        from importlib.metadata import version

        print(parser.prog, version(parser.prog))
        parser.exit(0)
