"""A camera that a new config removes leaves no state behind at the broker."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from camera_support import write_clip
from edge_camera.build import build
from edge_camera.config import Camera, Config, Inference, Sinks
from edge_camera.metrics import Reloaded
from edge_camera.settings import Settings
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_common.clock import SystemClock
from sink_support import Broker, Subscriber

pytestmark = pytest.mark.broker


def test_the_retained_state_of_a_removed_camera_is_taken_off(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "clip.mp4", frames=10, fps=10))
    cameras = [Camera(name=name, url=clip, loop=True) for name in ("a", "b")]
    with Broker(tmp_path) as broker:
        config = Config(
            inference=Inference(url="http://127.0.0.1:9", model="m"),
            camera=cameras,
            sinks=Sinks(mqtt=MqttConfig(f"mqtt://127.0.0.1:{broker.port}")),
        )
        settings = Settings(host="127.0.0.1", port=0, metrics_port=0, gateway="gw")
        ingest = build(settings, config, SystemClock())
        ingest.start()
        with Subscriber(broker.port) as subscriber:
            subscriber.wait(lambda: subscriber.texts("edge/gw/b/state"), "its state is retained")
            ingest.apply(msgspec.structs.replace(config, camera=cameras[:1]))
            ingest.tell_config(Reloaded.APPLIED, "removed b")
            subscriber.wait(lambda: subscriber.texts("edge/gw/b/state")[-1] == b"", "it is taken off")
        ingest.stop()
        with Subscriber(broker.port) as late:
            late.wait(lambda: len(late.got) == 3, "what is retained")
            assert {one.topic for one in late.got} == {"edge/gw/status", "edge/gw/a/state", "edge/gw/_pod/state"}
