"""A picture to plot on: a white sheet with panels, drawn by OpenCV, which the image has anyway."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Sheet = npt.NDArray[np.uint8]

WIDTH = 1000
INK: Colour = (60, 60, 60)
FAINT: Colour = (225, 225, 225)
RED: Colour = (40, 40, 200)
GREY: Colour = (160, 160, 160)
# BGR; told apart by people who do not see red and green (Okabe and Ito).
COLOURS: tuple[Colour, ...] = (
    (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240),
    (178, 114, 0), (0, 94, 213), (167, 121, 204),
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def blank(height: int) -> Sheet:
    """Return a white sheet."""
    return np.full((height, WIDTH, 3), 255, np.uint8)


def write(sheet: Sheet, text: str, at: tuple[int, int], colour: Colour = INK, size: float = 0.45) -> None:
    """Write `text` with its left lower corner at `at`; what the font does not have is shown as "?"."""
    shown = text.encode("ascii", "replace").decode()
    cv2.putText(sheet, shown, at, _FONT, size, colour, 1, cv2.LINE_AA)


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a sheet with values from 0 to `top` upward, and places from 0 to 1 to the right."""

    sheet: Sheet
    left: int
    upper: int
    right: int
    lower: int
    top: float

    def x(self, place: float) -> int:
        """Return the column of a place."""
        return round(self.left + place * (self.right - self.left))

    def y(self, value: float) -> int:
        """Return the row of a value."""
        return round(self.lower - value / self.top * (self.lower - self.upper))

    def grid(self, title: str, unit: str = "") -> None:
        """Draw lines at 0, half and the top, and write the title above."""
        for value in (0.0, self.top / 2, self.top):
            row = self.y(value)
            cv2.line(self.sheet, (self.left, row), (self.right, row), FAINT, 1)
            write(self.sheet, f"{value:g}{unit}", (8, row + 4))
        write(self.sheet, title, (self.left, self.upper - 12), size=0.5)

    def bar(self, start: float, end: float, low: float, high: float, colour: Colour) -> None:
        """Fill from `start` to `end`, from `low` up to `high`; at least one column wide."""
        left = self.x(start)
        right = max(left, self.x(end) - 2)
        cv2.rectangle(self.sheet, (left, self.y(high)), (right, self.y(low)), colour, cv2.FILLED)

    def tick(self, place: float, text: str) -> None:
        """Mark a place below the panel."""
        column = self.x(place)
        cv2.line(self.sheet, (column, self.lower), (column, self.lower + 4), INK, 1)
        write(self.sheet, text, (column, self.lower + 32), size=0.4)
