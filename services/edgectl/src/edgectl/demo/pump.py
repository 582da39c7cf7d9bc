"""Ask the pump-failure model about its named samples, one now and then while the clip runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edge_common.errors import StartError
from edgectl.demo.http import Http
from edgectl.demo.screen import Screen

# Seconds between two questions: a pump's window is minutes long, and the console stays readable.
EVERY_S = 3.0


class Sample(msgspec.Struct, frozen=True):
    """One window of measurements with what was true: `instance` is a row for POST /predict."""

    name: str
    instance: Any
    truth: str


def read_samples(path: Path) -> list[Sample]:
    """Read the bundle's samples.

    Raises:
        StartError: unreadable, or not a list of samples.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Sample])
    except (OSError, msgspec.DecodeError) as exc:
        raise StartError(f"{path}: {exc}; `make models` writes it") from None


class Pump:
    """Samples still to be asked, and how many answers were right."""

    def __init__(self, samples: list[Sample], http: Http, port: int, screen: Screen) -> None:
        self._samples, self._http, self._port, self._screen = samples, http, port, screen
        self._asked = self._right = 0
        self._due = 0.0

    def ask_when_due(self, now: float) -> None:
        """Ask about the next sample, if it is time and there is one; `now` is monotonic."""
        if now >= self._due and self._asked < len(self._samples):
            self._due = now + EVERY_S
            self._ask(self._samples[self._asked])

    def ask_the_rest(self) -> None:
        """Ask about every sample that is left."""
        for sample in self._samples[self._asked :]:
            self._ask(sample)

    def _ask(self, sample: Sample) -> None:
        said = self._http.predict(self._port, sample.instance)
        self._asked += 1
        right = said.label == sample.truth
        self._right += right
        verdict = "right" if right else f"wrong, it was {sample.truth}"
        self._screen.say(f"pump-failure: {sample.name}: {said.label}, probability {said.score:.2f} ({verdict})", "cyan")

    def summary(self) -> str:
        """Return how it went."""
        return f"{self._right} of {self._asked} labelled right"
