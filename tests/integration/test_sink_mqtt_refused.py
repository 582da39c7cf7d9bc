"""The MQTT sink: what a broker refuses, and what is no broker."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from edge_camera.spool.outbox import Undeliverable, Unfinished
from mqtt_support import EVENTS, STATUS, sink_at
from sink_support import PATIENCE_S, Broker, Subscriber, detection_event

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(b'{"gateway": "g", "kind": "state"}', id="no camera"),
        pytest.param(b'{"gateway": "g", "camera": "a/b", "kind": "state"}', id="camera with a slash"),
    ],
)
def test_what_is_no_event_is_refused_and_holds_up_nothing(broker: Broker, strange: bytes) -> None:
    events = [detection_event(number) for number in range(3)]
    with Subscriber(broker.port) as subscriber:
        sink = sink_at(broker.port)
        with pytest.raises(Undeliverable) as refused:
            sink.send_many([*events[:2], strange, events[2]])
        assert refused.value.done == 2
        sink.send(events[2])
        sink.close()
        subscriber.wait(lambda: b"offline" in subscriber.texts(STATUS), "the end")
        assert subscriber.texts(EVENTS) == events
    assert broker.log().count("New client connected from") == 2, "the sink's one connection and the subscriber's"


def test_an_event_over_the_brokers_packet_size_is_refused(tmp_path: Path) -> None:
    with Broker(tmp_path, "max_packet_size 2000") as broker:
        sink = sink_at(broker.port)
        with pytest.raises(Undeliverable, match="the broker takes packets of 2000") as refused:
            sink.send_many([detection_event(1), detection_event(2, padding=2000), detection_event(3)])
        assert refused.value.done == 1
        sink.send(detection_event(3))
        sink.close()


def test_an_event_over_a_limit_that_the_broker_does_not_name(tmp_path: Path) -> None:
    """Mosquitto answers with a reason that MQTT does not allow there, and paho then ends the connection."""
    events = [detection_event(1), detection_event(2, padding=2000), detection_event(3), detection_event(4)]
    with Broker(tmp_path, "message_size_limit 1000") as broker, Subscriber(broker.port) as subscriber:
        sink = sink_at(broker.port)
        failures = 0
        while events:
            try:
                sink.send_many(events)
                events = []
            except Undeliverable as exc:
                assert [json.loads(events[exc.done])["frame"]["seq"]] == [2]
                events = events[exc.done + 1 :]
            except Unfinished as exc:
                failures += 1
                events = events[exc.done :]
        sink.close()
        assert failures <= 5
        # Sent last: what was published before has arrived then.
        subscriber.wait(lambda: b"offline" in subscriber.texts(STATUS), "the end")
        seen = [json.loads(line)["frame"]["seq"] for line in subscriber.texts(EVENTS)]
        assert list(dict.fromkeys(seen)) == [1, 3, 4]


@pytest.mark.usefixtures("no_thread_stays")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(b"", "connection was lost", id="hangs up"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "connection was lost", id="HTTP"),
        pytest.param(b"\x20\x02\x00\x01", "refuses the connection: Unsupported protocol version", id="MQTT 3"),
        pytest.param(b"\x20\x03\x00\x00\xff", "connection was lost", id="CONNACK cut short"),
        pytest.param(b"\x20\xff\xff\xff\xff\xff", "connection was lost: Protocol error", id="endless length"),
        pytest.param(b"\x20\x05\x00\x00\x02\x24\x00", "maximum QoS is 0", id="QoS 0 only"),
        pytest.param(b"\x20\x03\x00\x00\x00\xe0\x01\x8e", "another client has the same client_id", id="taken over"),
        pytest.param(b"\xff" * 100, "connection was lost", id="garbage"),
    ],
)
def test_what_is_no_mqtt_5_broker_or_will_not_be_ours(answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        sink = sink_at(server.getsockname()[1], timeout_s=2)
        with pytest.raises(OSError, match=words) as failed:
            sink.send(detection_event(1))
        thread.join(PATIENCE_S)
        sink.close()
    assert str(failed.value).isprintable()
