"""edge-camera replay --to a real mosquitto, beside a pod's own sink: every id once, and the pod's last word stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_camera.metrics import CameraState
from edge_camera.sinks.mqtt import MqttSink
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_common.clock import SystemClock
from sink_support import GATEWAY, Broker, Subscriber, detection_event, state_event
from spool_support import Bench
from tools_support import run

pytestmark = pytest.mark.broker
EVENTS, STATE, STATUS = (f"edge/{GATEWAY}/{name}" for name in ("dock-3/events", "dock-3/state", "status"))


@pytest.fixture(autouse=True)
def _audited() -> None:
    """In place of what looks after every pod: a command has no report."""


def test_old_events_arrive_once_and_disturb_nothing(tmp_path: Path) -> None:
    old = [state_event(CameraState.DOWN), *(detection_event(number) for number in range(300))]
    bench = Bench(tmp_path / "spool", fsync=60.0, segment_bytes=65_536)
    bench.spool.append_many([(line, "low") for line in old])
    with Broker(tmp_path) as broker:
        config = tmp_path / "cameras.toml"
        config.write_text(f'[sinks.mqtt]\nurl = "mqtt://127.0.0.1:{broker.port}"\nclient_id = "the-pod"\n')
        pod = MqttSink(MqttConfig(f"mqtt://127.0.0.1:{broker.port}", client_id="the-pod"), GATEWAY, SystemClock())
        now = state_event(CameraState.OK)
        pod.send(now)
        with Subscriber(broker.port) as subscriber:
            done = run("replay", tmp_path / "spool", "--to", config)
            # Over the connection that it had: the command took nobody's place.
            last = detection_event(999)
            pod.send(last)
            subscriber.wait(lambda: bytes(subscriber.got[-1].payload) == last, "the pod's last event")
            assert subscriber.texts(EVENTS) == [*old, last]
            assert subscriber.texts(STATUS) == [b"online"], "retained from before, and nothing since"
        assert "already connected" not in broker.log() and "session taken over" not in broker.log()
        with Subscriber(broker.port) as late:
            late.wait(lambda: late.texts(STATE), "what is retained")
            assert late.texts(STATE) == [now]
        pod.close()
    bench.spool.close()
    assert (done.returncode, done.stderr) == (0, "edge-camera replay: delivered: mqtt 301\n")
    assert json.loads(old[0])["camera_state"] == "down"
