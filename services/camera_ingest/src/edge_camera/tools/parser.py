"""The command line of a command: one line for a fault, and the kinds of values they share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class CommandParser(argparse.ArgumentParser):
    """argparse that guesses at no cut-off flags, with faults on one line."""

    def __init__(self, name: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=f"edge-camera {name}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; try --help\n")


def valued(parse: Callable[[str], float]) -> Callable[[str], float]:
    """Return `parse` with its ValueError's text in argparse's message, which leaves it out otherwise."""

    def checked(text: str) -> float:
        try:
            return parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{exc}, found {text!r}") from None

    return checked


def moment(text: str) -> datetime:
    """Return a time as ISO 8601 (UTC when it names no offset), or so long ago, as in 90s, 30m, 2h, 3d.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    try:
        if found := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        wanted = "a time as 2026-11-21T14:30:00Z (UTC when without an offset), or so long ago as 30m, 2h, 3d"
        raise argparse.ArgumentTypeError(f"want {wanted}, found {text!r}") from None
