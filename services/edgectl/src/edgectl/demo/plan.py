"""What a demo run needs: which models, which clip, which ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import StartError
from edgectl.demo.ports import pick

DETECTOR, PUMP = "belt-detector", "pump-failure"
CAMERA = "belt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports wanted; 0 takes any."""

    belt: int
    belt_metrics: int
    pump: int
    pump_metrics: int
    camera: int
    camera_metrics: int

    def settled(self, say: Callable[[str], None]) -> Ports:
        """Return free ports, these where possible; each that was taken is said."""
        taken: set[int] = set()
        return Ports(**{name: pick(getattr(self, name), taken, say) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    models: Path
    ports: Ports
    forever: bool

    @property
    def clip(self) -> Path:
        return self.models / DETECTOR / "belt.mp4"

    @property
    def truth(self) -> Path:
        return self.models / DETECTOR / "belt.truth.jsonl"

    @property
    def samples(self) -> Path:
        return self.models / PUMP / "samples.json"

    def check(self) -> None:
        """Raise StartError for the first file that is not there."""
        bundles = [self.models / name / "model.toml" for name in (DETECTOR, PUMP)]
        for path in [*bundles, self.clip, self.truth, self.samples]:
            if not path.is_file():
                raise StartError(f"{path}: no such file; run this in the repository, or give --models DIR")

    def camera_config(self) -> str:
        """Return the config of the demo's camera: the clip at its own speed, every frame worth a question."""
        return (
            f'[inference]\nurl = "http://127.0.0.1:{self.ports.belt}"\nmodel = "{DETECTOR}"\ndeadline_ms = 500\n\n'
            f'[[camera]]\nname = "{CAMERA}"\nurl = "{self.clip.resolve().as_uri()}"\nfps = 60\n'
            f"loop = {str(self.forever).lower()}\n\n[sinks]\nstdout = true\n"
        )
