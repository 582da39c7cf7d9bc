"""The MQTT sink against a real mosquitto: acknowledged, retained, secured, killed, hung, and back."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_camera.metrics import CameraState
from edge_camera.sinks.mqtt import MqttSink
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.spool.outbox import Undeliverable, Unfinished
from edge_common.clock import SystemClock
from live import until
from sink_support import (
    GATEWAY,
    PATIENCE_S,
    Broker,
    Certificates,
    Subscriber,
    detection_event,
    make_certificates,
    state_event,
)

pytestmark = pytest.mark.broker
EVENTS, STATE, STATUS = "edge/gw-1/dock-3/events", "edge/gw-1/dock-3/state", "edge/gw-1/status"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


def sink_at(port: int, scheme: str = "mqtt", host: str = "127.0.0.1", **keys: Any) -> MqttSink:
    config = MqttConfig(f"{scheme}://{host}:{port}", **{"timeout_s": 5.0, **keys})
    # keepalive_s of a second is for tests alone.
    assert msgspec.structs.replace(config, keepalive_s=30).faults("sinks.mqtt") == []
    return MqttSink(config, GATEWAY, SystemClock())


@pytest.fixture
def no_thread_stays() -> Iterator[None]:
    yield
    until(lambda: not [one for one in threading.enumerate() if "paho" in one.name], "paho's threads have ended")


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


def sent(sink: MqttSink, event: bytes) -> bool:
    try:
        sink.send(event)
    except OSError:
        return False
    return True


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


@pytest.mark.usefixtures("no_thread_stays")
def test_a_broker_that_is_down_at_the_start_is_no_error(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    sink = sink_at(broker.port)
    for _ in range(3):
        with pytest.raises(OSError, match="Connection refused"):
            sink.send(detection_event(1))
    with broker, Subscriber(broker.port) as subscriber:
        sink.send(detection_event(1))
        sink.close()
        subscriber.wait(lambda: subscriber.texts(STATUS) == [b"online", b"offline"], "on and off")
        assert subscriber.texts(EVENTS) == [detection_event_like(subscriber.texts(EVENTS)[0])]


def detection_event_like(line: bytes) -> bytes:
    """The event of frame 1 with the id that `line` has."""
    return msgspec.json.encode(msgspec.json.decode(detection_event(1)) | {"id": msgspec.json.decode(line)["id"]})


def test_killed_and_back_the_broker_hears_states_and_events_again(broker: Broker) -> None:
    sink = sink_at(broker.port)
    sink.send_many([state_event(), detection_event(1)])
    broker.kill()
    with pytest.raises(OSError, match=r"connection was lost|refused"):
        sink.send(detection_event(2))
    broker.start()
    with Subscriber(broker.port) as subscriber:
        sink.send(detection_event(2))
        sink.close()
        subscriber.wait(lambda: b"offline" in subscriber.texts(STATUS), "the end")
        assert subscriber.texts(STATUS) == [b"online", b"offline"]
        # It keeps nothing on disk: the last state comes from the sink.
        assert len(subscriber.texts(STATE)) == 1
        assert [json.loads(line)["frame"]["seq"] for line in subscriber.texts(EVENTS)] == [2]


def test_killed_in_the_middle_of_a_batch_it_tells_what_was_acknowledged(broker: Broker) -> None:
    sink = sink_at(broker.port)
    events = [detection_event(number) for number in range(20_000)]

    def kill_it() -> None:
        until(lambda: broker.log().count("Sending PUBACK") > 100, "some are acknowledged")
        broker.kill()

    stop = threading.Thread(target=kill_it)
    stop.start()
    with pytest.raises(Unfinished) as failed:
        sink.send_many(events)
    stop.join()
    # What is acknowledged was logged by the broker before.
    assert 0 < failed.value.done <= broker.log().count("Sending PUBACK") < len(events)
    broker.start()
    with Subscriber(broker.port) as subscriber:
        sink.send_many(events[failed.value.done : failed.value.done + 50])
        sink.close()
        subscriber.wait(lambda: b"offline" in subscriber.texts(STATUS), "the end")
        assert subscriber.texts(EVENTS) == events[failed.value.done : failed.value.done + 50]


def test_a_hung_broker_holds_a_delivery_no_longer_than_the_timeout(broker: Broker) -> None:
    sink = sink_at(broker.port, timeout_s=0.5)
    sink.send(detection_event(1))
    broker.signal(signal.SIGSTOP)
    for _ in range(2):  # while connected, and while connecting
        began = time.monotonic()
        with pytest.raises(OSError, match="in time"):
            sink.send(detection_event(2))
        assert 0.4 < time.monotonic() - began < 1.5
    broker.signal(signal.SIGCONT)

    def sent() -> bool:
        try:
            sink.send(detection_event(3))
        except OSError:
            return False
        return True

    until(sent, "it works again")
    began = time.monotonic()
    broker.signal(signal.SIGSTOP)
    sink.close()
    assert time.monotonic() - began < 3
    broker.signal(signal.SIGCONT)


def test_close_ends_a_delivery_that_hangs(broker: Broker) -> None:
    sink = sink_at(broker.port, timeout_s=60)
    sink.send(detection_event(1))
    broker.signal(signal.SIGSTOP)
    failed: list[OSError] = []

    def deliver() -> None:
        try:
            sink.send_many([detection_event(2)])
        except OSError as exc:
            failed.append(exc)

    thread = threading.Thread(target=deliver)
    thread.start()
    until(sink._lock.locked, "the delivery has begun")
    sink.close()
    thread.join(PATIENCE_S)
    broker.signal(signal.SIGCONT)
    assert failed


def test_between_events_the_connection_is_kept_alive(broker: Broker) -> None:
    sink = sink_at(broker.port, keepalive_s=1)
    sink.send(detection_event(1))
    # A broker ends a connection that was silent for one and a half times as long.
    until(lambda: broker.log().count("Sending PINGRESP to edge-camera-gw-1") >= 3, "three pings")
    sink.send(detection_event(2))
    sink.close()
    assert broker.log().count("New client connected") == 1


def test_an_idle_connection_that_was_lost_is_made_anew_at_the_next_event(broker: Broker) -> None:
    sink = sink_at(broker.port)
    sink.send(detection_event(1))
    broker.kill()
    broker.start()

    def sent() -> bool:
        try:
            sink.send(detection_event(2))
        except OSError:
            return False  # the loss was not noticed yet
        return True

    until(sent, "delivered")
    sink.close()


SENDER = """
import sys
from edge_camera.sinks.mqtt import MqttSink
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_common.clock import SystemClock
sink = MqttSink(MqttConfig(sys.argv[1]), "gw-1", SystemClock())
for line in sys.stdin.buffer:
    sink.send(line.rstrip())
    print("sent", flush=True)
"""


def test_when_the_process_is_killed_the_broker_says_offline(broker: Broker) -> None:
    with Subscriber(broker.port) as subscriber:
        command = [sys.executable, "-c", SENDER, f"mqtt://127.0.0.1:{broker.port}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
            assert sender.stdin is not None and sender.stdout is not None
            sender.stdin.write(state_event() + b"\n")
            sender.stdin.flush()
            assert sender.stdout.readline() == b"sent\n"
            subscriber.wait(lambda: subscriber.texts(STATUS) == [b"online"], "the status")
            sender.kill()
        subscriber.wait(lambda: subscriber.texts(STATUS) == [b"online", b"offline"], "the will")
    with Subscriber(broker.port) as late:
        late.wait(lambda: late.texts(STATUS) == [b"offline"], "retained")


def test_a_new_connection_of_the_same_name_leaves_the_status_online(broker: Broker) -> None:
    """The broker has not noticed the end of the first one, as when a network went away: its will must not win."""
    with Subscriber(broker.port) as subscriber:
        first, second = sink_at(broker.port), sink_at(broker.port)
        first.send(detection_event(1))
        second.send(detection_event(2))
        link = first._link
        assert link is not None
        until(lambda: link.lost, "the first one's connection was taken over")
        subscriber.wait(lambda: len(subscriber.texts(EVENTS)) == 2, "both events")
        assert subscriber.texts(STATUS) == [b"online", b"offline", b"online"]
        first.close()
        second.close()


# --- who is let in ---


def test_user_and_password_from_a_file_that_is_read_anew(tmp_path: Path) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto_passwd")
    users, login = tmp_path / "users", tmp_path / "login"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "gate", "pa:ss"], check=True, capture_output=True)
    login.write_text("gate:wrong\n")
    with Broker(tmp_path, f"password_file {users}", anonymous=False) as broker:
        sink = sink_at(broker.port, credentials=str(login))
        with pytest.raises(OSError, match="Not authorized") as failed:
            sink.send(detection_event(1))
        assert "wrong" not in str(failed.value)
        login.write_text("gate:pa:ss\n")
        sink.send(detection_event(1))
        sink.close()


def test_what_an_access_list_forbids_waits_for_whoever_puts_it_right(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"topic write {STATUS}\ntopic write {EVENTS}\n")
    with Broker(tmp_path, f"acl_file {rules}") as broker:
        sink = sink_at(broker.port)
        with pytest.raises(Unfinished, match=f"refuses {STATE}: Not authorized") as failed:
            sink.send_many([detection_event(1), detection_event(2), state_event(), detection_event(3)])
        assert failed.value.done == 2
        rules.write_text("topic write edge/#\n")
        broker.signal(signal.SIGHUP)

        def sent() -> bool:
            try:
                sink.send(state_event())
            except OSError:
                return False
            return True

        until(sent, "allowed")
        sink.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_with_a_client_certificate(tmp_path: Path, made: Certificates, host: str) -> None:
    cert, key = map(str, made.client)
    lines = [f"cafile {made.ca}", f"certfile {made.server[0]}", f"keyfile {made.server[1]}"]
    with Broker(tmp_path, *lines, "require_certificate true", "use_identity_as_username true") as broker:
        sink = sink_at(broker.port, "mqtts", host, ca=str(made.ca), cert=cert, key=key)
        sink.send_many([detection_event(number) for number in range(50)])
        sink.close()
        assert "u'client'" in broker.log()
        sink = sink_at(broker.port, "mqtts", host, ca=str(made.stranger), cert=cert, key=key)
        with pytest.raises(OSError, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
            sink.send(detection_event(1))
        sink = sink_at(broker.port, "mqtts", host, ca=str(made.ca))
        with pytest.raises(OSError, match=r"lost|connect|certificate"):
            sink.send(detection_event(1))
        sink.close()


def test_tls_to_a_broker_without_it(broker: Broker, made: Certificates) -> None:
    sink = sink_at(broker.port, "mqtts", ca=str(made.ca))
    with pytest.raises(OSError, match="cannot connect"):
        sink.send(detection_event(1))


# --- what is refused, and strange brokers ---


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
        seen = [json.loads(line)["frame"]["seq"] for line in subscriber.texts(EVENTS)]
        assert failures <= 5
        subscriber.wait(lambda: b"offline" in subscriber.texts(STATUS), "the end")
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
