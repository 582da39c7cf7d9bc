"""The MQTT sink at a real broker, for its tests."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_camera.sinks.mqtt import MqttSink
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_common.clock import SystemClock
from sink_support import GATEWAY

EVENTS, STATE, STATUS = "edge/gw-1/dock-3/events", "edge/gw-1/dock-3/state", "edge/gw-1/status"


def sink_at(port: int, scheme: str = "mqtt", host: str = "127.0.0.1", **keys: Any) -> MqttSink:
    """A sink of the tests' gateway; `keys` of its table, five seconds to deliver."""
    config = MqttConfig(f"{scheme}://{host}:{port}", **{"timeout_s": 5.0, **keys})
    # keepalive_s of a second is for tests alone.
    assert msgspec.structs.replace(config, keepalive_s=30).faults("sinks.mqtt") == []
    return MqttSink(config, GATEWAY, SystemClock())


def sent(sink: MqttSink, event: bytes) -> bool:
    """Try to deliver one event; True when it was taken."""
    try:
        sink.send(event)
    except OSError:
        return False
    return True
