"""The MQTT sink against a real mosquitto: in order, acknowledged, retained."""

from __future__ import annotations

import json

import pytest

from edge_camera.metrics import CameraState
from live import until
from mqtt_support import EVENTS, STATE, STATUS, sent, sink_at
from sink_support import Broker, Subscriber, detection_event, state_event

pytestmark = pytest.mark.broker


@pytest.mark.usefixtures("no_thread_stays")
def test_events_arrive_in_order_with_the_gateways_status_around_them(broker: Broker) -> None:
    events = [detection_event(number) for number in range(250)]
    with Subscriber(broker.port) as subscriber:
        sink = sink_at(broker.port)
        sink.send(events[0])
        sink.send_many(events[1:])
        sink.close()
        sink.close()
        subscriber.wait(lambda: subscriber.got[-1].payload == b"offline", "all of it")
        got = [(message.topic, bytes(message.payload)) for message in subscriber.got]
    assert got == [(STATUS, b"online"), *((EVENTS, event) for event in events), (STATUS, b"offline")]
    assert {message.qos for message in subscriber.got} == {1}
    with pytest.raises(OSError, match="closed"):
        sink.send(events[0])


def test_states_and_status_are_retained_and_detections_expire(broker: Broker) -> None:
    sink = sink_at(broker.port, detection_expiry_s=77)
    with Subscriber(broker.port) as early:
        sink.send_many(
            [state_event(CameraState.CONNECTING), state_event(), state_event(camera="dock-4"), detection_event(1)]
        )
        early.wait(lambda: len(early.texts(EVENTS)) == 3, "the events")
        expiry = {
            json.loads(m.payload)["kind"]: getattr(m.properties, "MessageExpiryInterval", None) for m in early.got[1:]
        }
    with Subscriber(broker.port) as late:
        late.wait(lambda: len(late.got) == 3, "what is retained")
        got = {message.topic: bytes(message.payload) for message in late.got}
    sink.close()
    assert expiry == {"state": None, "detection": 77}
    assert got.keys() == {STATUS, STATE, "edge/gw-1/dock-4/state"}
    assert got[STATUS] == b"online"
    assert json.loads(got[STATE])["camera_state"] == "ok", "the last one"


def test_what_is_retained_of_a_camera_that_is_gone_goes_too(broker: Broker) -> None:
    """Also what an earlier process left there, and whatever of it still waits for the broker."""
    other = "edge/gw-1/dock-4/state"
    earlier, sink = sink_at(broker.port), sink_at(broker.port)
    earlier.send_many([state_event(), state_event(camera="dock-4")])
    earlier.close()
    sink.keep_cameras(frozenset({"dock-3", "dock-4"}))
    sink.keep_cameras(frozenset({"dock-3"}))
    with Subscriber(broker.port) as early:
        sink.send_many([state_event(camera="dock-4"), state_event()])
        early.wait(lambda: len(early.texts(STATE)) == 2, "all of it")
        assert early.texts(other)[-1] == b"", "who listens is told"
        assert len(early.texts("edge/gw-1/dock-4/events")) == 1, "the event itself is one like others"
    for _ in range(2):
        with Subscriber(broker.port) as late:
            late.wait(lambda: STATE in {message.topic for message in late.got}, "what is retained")
            assert {message.topic for message in late.got} == {STATUS, STATE}
        # One that keeps nothing on disk, and is told anew.
        broker.kill()
        broker.start()
        until(lambda: sent(sink, detection_event(1)), "it works again")
    sink.keep_cameras(frozenset({"dock-3", "dock-4"}))
    sink.send(state_event(camera="dock-4"))
    with Subscriber(broker.port) as late:
        late.wait(lambda: len(late.got) == 3, "the camera is back")
        assert len(late.texts(other)) == 1
    sink.close()


def test_topics_of_ones_own(broker: Broker) -> None:
    keys = {
        "topic": "shop/{kind}/{camera}",
        "state_topic": "now/{camera}",
        "status_topic": "up/{gateway}/x",
        "client_id": "c-{gateway}",
    }
    with Subscriber(broker.port, "#") as subscriber:
        sink = sink_at(broker.port, **keys)
        sink.send(state_event())
        sink.close()
        subscriber.wait(lambda: len(subscriber.got) == 4, "four messages")
    assert [message.topic for message in subscriber.got] == [
        "up/gw-1/x",
        "shop/state/dock-3",
        "now/dock-3",
        "up/gw-1/x",
    ]
    assert "as c-gw-1 " in broker.log()
