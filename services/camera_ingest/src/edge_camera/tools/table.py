"""Plain tables: columns as wide as they have to be, numbers to the right."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Cell = str | int | float | None


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return lines for a terminal; "-" stands for None, and a column that is empty in every row is left out."""
    kept = [place for place in range(len(titles)) if not rows or any(row[place] != "" for row in rows)]
    right = [any(isinstance(row[place], int | float) for row in rows) for place in kept]
    lines = [[titles[place] for place in kept], *([_text(row[place]) for place in kept] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return "".join(_line(line, widths, right) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - _width(cell)) + cell if to_right else cell + " " * (width - _width(cell))
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip() + "\n"


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _width(text: str) -> int:
    """Columns of a terminal; a label may be Chinese, and camera names come from anywhere."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
