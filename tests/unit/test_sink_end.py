"""The end of the process: one deadline for all sinks, and nobody waits for another's."""

from __future__ import annotations

from pathlib import Path

from camera_support import write_clip
from edge_camera.build import build
from edge_camera.config import Camera, Config, Inference
from edge_camera.ingest import FLUSH_S
from edge_camera.settings import Settings
from spool_support import FakeClock


class SlowOutlet:
    """Takes three seconds to end, or what it is given."""

    def __init__(self, clock: FakeClock, told: list[tuple[str, float]]) -> None:
        self._clock, self._told = clock, told

    def start(self) -> None: ...

    def put(self, line: bytes, priority: str, /) -> None: ...

    def finish(self) -> None:
        self._told.append(("finish", 0.0))

    def stop(self, timeout_s: float) -> None:
        self._told.append(("stop", timeout_s))
        self._clock.advance(min(3.0, timeout_s))


def test_all_sinks_have_one_deadline_and_begin_to_end_at_once(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.mp4", frames=2, fps=10))
    config = Config(inference=Inference(url="http://127.0.0.1:9", model="m"), camera=[Camera(name="a", url=clip)])
    clock, told = FakeClock(), list[tuple[str, float]]()
    ingest = build(Settings(host="127.0.0.1", port=0, metrics_port=0), config, clock)
    ingest.fanout.outboxes = [SlowOutlet(clock, told) for _ in range(3)]
    for server in ingest.servers:
        server.start()
    ingest.stop()
    assert told == [("finish", 0.0)] * 3 + [("stop", FLUSH_S), ("stop", FLUSH_S - 3.0), ("stop", 0.0)]
