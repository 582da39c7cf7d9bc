"""What the demo prints: events as JSON on stdout, everything for people on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text


class Screen:
    """Keep the progress bar and the event lines out of each other's way."""

    def __init__(self, *, colour: bool) -> None:
        self.console = Console(stderr=True, no_color=not colour, highlight=False)
        self._shared = self.console.is_terminal and sys.stdout.isatty()

    def say(self, text: str, style: str = "") -> None:
        """Print a line for people."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def event(self, line: str) -> None:
        """Print one JSON line on stdout, above the bar when both are the same terminal."""
        if self._shared:
            self.console.print(Text(line), soft_wrap=True)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def events(self, lines: Iterable[bytes]) -> None:
        """Print events until their source ends."""
        for line in lines:
            self.event(line.decode().rstrip("\n"))

    @contextmanager
    def bar(self, total: int | None) -> Iterator[Bar]:
        """Show a progress bar, on a terminal only; `total` None has no end."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(
            *columns,
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as progress:
            yield Bar(progress, total)


class Bar:
    """The frames of the clip that were read so far."""

    def __init__(self, progress: Progress, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("frames", total=total)

    def at(self, frames: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=frames)
