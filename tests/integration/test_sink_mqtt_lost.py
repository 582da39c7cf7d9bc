"""The MQTT sink and a broker that is away, killed, hung, and back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from edge_camera.spool.outbox import Unfinished
from live import until
from mqtt_support import EVENTS, STATE, STATUS, sent, sink_at
from sink_support import PATIENCE_S, Broker, Subscriber, detection_event, state_event

pytestmark = pytest.mark.broker


def detection_event_like(line: bytes) -> bytes:
    """The event of frame 1 with the id that `line` has."""
    return msgspec.json.encode(msgspec.json.decode(detection_event(1)) | {"id": msgspec.json.decode(line)["id"]})


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
    until(lambda: sent(sink, detection_event(3)), "it works again")
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
    # Until then the loss was not noticed yet.
    until(lambda: sent(sink, detection_event(2)), "delivered")
    sink.close()


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
