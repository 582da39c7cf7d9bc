"""A new config in a running process: whatever cannot be made leaves everything as it was; a stop is told first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from camera_support import write_clip
from edge_camera.alerts import Alert
from edge_camera.build import build
from edge_camera.config import Camera, Config, Inference
from edge_camera.ingest import Ingest, LaneMaker
from edge_camera.lane import Lane
from edge_camera.metrics import CameraState
from edge_camera.settings import Settings
from edge_common.clock import SystemClock
from edge_common.errors import StartError


@dataclass
class Breaks:
    """Make lanes as `inner` does, and break at one camera, or at its check."""

    inner: LaneMaker
    camera: str
    error: Exception
    at_check: bool

    def check(self, camera: Camera) -> None:
        if self.at_check and camera.name == self.camera:
            raise self.error
        self.inner.check(camera)

    def make(self, inference: Inference, alerts: Mapping[str, Alert], camera: Camera) -> Lane:
        if camera.name == self.camera:
            raise self.error
        return self.inner.make(inference, alerts, camera)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    clip = str(write_clip(tmp_path / "clip.mp4", frames=10, fps=10))
    cameras = [Camera(name=name, url=clip, loop=True) for name in ("a", "b")]
    return Config(inference=Inference(url="http://127.0.0.1:9", model="m"), camera=cameras)


@pytest.fixture
def ingest(config: Config) -> Iterator[Ingest]:
    running = build(Settings(host="127.0.0.1", port=0, metrics_port=0), config, SystemClock())
    running.start()
    yield running
    running.stop()


def _other_model(config: Config) -> Config:
    return msgspec.structs.replace(config, inference=Inference(url="http://127.0.0.1:9", model="other"))


def _another_camera(config: Config) -> Config:
    new, changed = Camera(name="c", url=config.camera[0].url), msgspec.structs.replace(config.camera[0], fps=1.0)
    return msgspec.structs.replace(config, camera=[new, changed])


def _series(ingest: Ingest) -> set[tuple[str, str, float]]:
    """The states that the metrics tell, by camera."""
    (family,) = ingest.metrics.state.collect()
    return {(each.labels["camera"], each.labels["state"], each.value) for each in family.samples}


@pytest.mark.parametrize("change", [_other_model, _another_camera])
@pytest.mark.parametrize("error", [StartError("cannot be made"), ValueError("a bug")], ids=["fault", "bug"])
@pytest.mark.parametrize("at_check", [True, False], ids=["check", "make"])
def test_a_config_that_cannot_be_made_leaves_everything_as_it_was(
    ingest: Ingest, config: Config, change: Callable[[Config], Config], error: Exception, at_check: bool
) -> None:
    new = change(config)
    for lane in ingest.lanes.values():
        lane.worker.record.enter(CameraState.STALLED)
    before = (dict(ingest.lanes), dict(ingest.gallery.screens), {camera for camera, _, _ in _series(ingest)})
    inner = ingest.maker
    ingest.maker = Breaks(inner, new.camera[-1].name, error, at_check)
    with pytest.raises(type(error)):
        ingest.apply(new)
    after = (dict(ingest.lanes), dict(ingest.gallery.screens), {camera for camera, _, _ in _series(ingest)})
    assert after == before and ingest.config == config
    assert ("a", "connecting", 1.0) not in _series(ingest)
    assert not any(lane.ended() or lane.halt.is_set() for lane in ingest.lanes.values())
    ingest.maker = inner
    ingest.apply(new)
    assert ingest.config == new and ingest.lanes.keys() == {camera.name for camera in new.camera}
    assert all(ingest.gallery.screens[name] is lane.screen for name, lane in ingest.lanes.items())


def test_cameras_of_one_inference_share_its_turns_whenever_they_come(ingest: Ingest, config: Config) -> None:
    first = ingest.lanes["b"].worker.turns
    ingest.maker.make(_other_model(config).inference, {}, config.camera[0])
    ingest.apply(_with_c(config))
    assert ingest.lanes["b"].worker.turns is first is ingest.lanes["c"].worker.turns


def _with_c(config: Config) -> Config:
    return msgspec.structs.replace(config, camera=[*config.camera, Camera(name="c", url=config.camera[0].url)])


def test_a_stop_is_told_before_anything_ends(config: Config) -> None:
    running = build(Settings(host="127.0.0.1", port=0, metrics_port=0), config, SystemClock())
    running.start()
    seen: list[bool] = []
    running.close_sinks = lambda: seen.append(running.leaving.is_set())
    running.stop()
    assert seen == [True]
