"""What a watch shows: a bar while it lasts on stderr, in the end a table, or JSON, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edgectl.rollout.bounds import Row, State
from edgectl.rollout.judge import Outcome, Verdict
from edgectl.rollout.tally import Window

_COLOURS = {State.FINE: "green", State.BAD: "bold red", State.UNSURE: "bold yellow", State.OPEN: "dim"}
_OUTCOMES = {Outcome.GOOD: "bold green", Outcome.BAD: "bold red", Outcome.UNDECIDED: "bold yellow"}
# Of a Job's log, which no terminal folds.
_WIDTH = 140
_PART = 0.1


@contextmanager
def live(what: str) -> Iterator[Live]:
    """Show a bar on a terminal, and else a line for each tenth of the time."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Live(progress, what, console)


class Live:
    """The bar, and the figures beside it."""

    def __init__(self, progress: Progress, what: str, console: Console) -> None:
        self._progress, self._what, self._console = progress, what, console
        self._task = progress.add_task(what, total=1.0, figures="")
        self._told = 0.0

    def tell(self, done: float, figures: str) -> None:
        """Move on to the part `done` of the time."""
        self._progress.update(self._task, completed=done, figures=figures)
        if not self._console.is_terminal and done - self._told >= _PART:
            self._told = done
            print(f"{self._what}: {done:.0%}: {figures}", file=sys.stderr, flush=True)


def figures(window: Window) -> str:
    """Return a window in one line."""
    total = window.total
    mean = f", {total.busy_s / total.answered * 1000:.3g} ms a call" if total.answered else ""
    return f"{total.calls:.0f} calls, {total.errors:.0f} errors{mean}"


def table(title: str, verdict: Verdict, *, plain: bool) -> Table:
    """Return the verdict's rows; `plain` without lines, for a Job's log, which Helm prints as one line of text."""
    shown = Table(title=title, title_justify="left", pad_edge=not plain)
    if plain:
        shown.box = None
    for name in ("", "before", "now", "bound", "chance", "", "note"):
        shown.add_column(name, no_wrap=name not in ("note", "now", "before"))
    for row in verdict.rows:
        cells = (row.what, row.before, row.now, row.bound, _chance(row), row.state.value, row.note)
        shown.add_row(*(Text(cell) for cell in cells[:5]), Text(cells[5], style=_COLOURS[row.state]), Text(cells[6]))
    return shown


def _chance(row: Row) -> str:
    return "" if row.chance is None else f"{row.chance:.0e}" if row.chance < 0.001 else f"{row.chance:.2g}"


def show(title: str, verdict: Verdict, told: str) -> None:
    """Print the table, when there was something to judge, and the outcome."""
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else _WIDTH)
    if verdict.rows:
        console.print(table(title, verdict, plain=not terminal))
    console.print(Text.assemble((verdict.outcome.value, _OUTCOMES[verdict.outcome]), f": {told}"), soft_wrap=True)


def show_json(verdict: Verdict, **more: Any) -> None:
    """Print one JSON object."""
    print(msgspec.json.encode({**more, **msgspec.to_builtins(verdict)}).decode())
