"""One connection to a broker, from CONNECT to its end, and nothing that outlives it (docs/adr/0008-mqtt.md)."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.secrets import user_password
from edge_common.clock import Clock

# Unacknowledged at once. A broker that allows less says so when it takes the connection.
WINDOW = 20
# Nothing is subscribed to, so nothing larger than an acknowledgement with its reason ever comes.
_MAX_PACKET_BYTES = 65_536
_MIN_TIMEOUT_S = 0.001
# What the standard lets a client send to a broker that names no limit.
_LARGEST_PACKET = 268_435_455


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is published: with `expiry_s` 0 it never expires; retained, it is what a new subscriber gets first."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int = 0

    @property
    def packet_bytes(self) -> int:
        """An upper bound of its size on the wire: header, lengths, packet id and properties are under 64 bytes."""
        return len(self.topic.encode()) + len(self.payload) + 64

    def properties(self) -> Properties | None:
        """Its MQTT 5 properties."""
        if not self.expiry_s:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self.expiry_s
        return properties


class Link:
    """Open once, then deliver, by one thread; `drop` may come from any. `will` is told when the link just ends.

    paho runs the network in a thread of its own, which also keeps the connection alive. A broker's name that takes
    longer to be looked up than the caller waits leaves that thread behind until the look-up ends.
    """

    def __init__(self, config: MqttConfig, client_id: str, will: Message, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._cond = threading.Condition()
        self._acks: dict[int, ReasonCode] = {}
        self._ready = False
        self._lost: str | None = None
        self._window, self.max_packet_bytes = WINDOW, _LARGEST_PACKET
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        self._client.max_inflight_messages = WINDOW
        self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self._client.on_connect, self._client.on_connect_fail = self._on_connect, self._on_connect_fail
        self._client.on_publish, self._client.on_disconnect = self._on_publish, self._on_disconnect

    @property
    def lost(self) -> bool:
        """The connection has ended."""
        return self._lost is not None

    def open(self, until: float) -> None:
        """Connect and log in, with secrets and certificates as the files hold them now.

        Raises:
            OSError: not connected by `until` (monotonic), or refused.
        """
        config = self._config
        if config.credentials is not None:
            self._client.username_pw_set(*user_password(config.credentials))
        if config.tls is not None:
            self._client.tls_set_context(config.tls.context())
        host, port = config.address
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = _MAX_PACKET_BYTES
        self._client.connect_timeout = max(_MIN_TIMEOUT_S, until - self._clock.monotonic())
        # Nothing of an earlier connection is kept by the broker: what it did not acknowledge comes again.
        self._client.connect_async(host, port, config.keepalive_s, clean_start=True, properties=properties)
        self._client.loop_start()
        self._wait(lambda: self._ready, until, f"no connection to {host}:{port} in time")

    def deliver(self, messages: Iterable[Message], until: float) -> Iterator[tuple[Message, ReasonCode]]:
        """Publish in order, a window ahead of the acknowledgements; yield each message and its own, in order.

        Raises:
            OSError: an acknowledgement did not come by `until`, or the connection ended. The link is of no more use.
        """
        flying: deque[tuple[int, Message]] = deque()
        for message in messages:
            if len(flying) >= self._window:
                yield self._landed(*flying.popleft(), until)
            flying.append((self._publish(message), message))
        while flying:
            yield self._landed(*flying.popleft(), until)

    def leave(self, until: float) -> None:
        """End the connection without the will being told; wait for that until `until`."""
        self._client.disconnect()
        with self._cond:
            self._cond.wait_for(lambda: self.lost, max(0.0, until - self._clock.monotonic()))

    def drop(self) -> None:
        """End the connection as it is; the broker tells the will, and who waits for it here is told at once."""
        self._end("given up")
        # With the socket shut paho's thread sees its end; closing it under that thread is paho's alone.
        with contextlib.suppress(OSError):
            if isinstance(sock := self._client.socket(), socket.socket):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _publish(self, message: Message) -> int:
        info = self._client.publish(message.topic, message.payload, 1, message.retain, message.properties())
        return info.mid

    def _landed(self, mid: int, message: Message, until: float) -> tuple[Message, ReasonCode]:
        self._wait(lambda: mid in self._acks, until, "no acknowledgement in time")
        return message, self._acks.pop(mid)

    def _wait(self, condition: Callable[[], bool], until: float, late: str) -> None:
        with self._cond:
            self._cond.wait_for(lambda: condition() or self.lost, max(0.0, until - self._clock.monotonic()))
            if condition():
                return
            raise ConnectionError(self._lost) if self._lost is not None else TimeoutError(late)

    def _end(self, reason: str) -> None:
        with self._cond:
            if self._lost is None:
                self._lost = reason
            self._cond.notify_all()

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self.lost:
            client.disconnect()
        elif reason.is_failure:
            self._end(f"the broker refuses the connection: {reason}")
        elif getattr(properties, "MaximumQoS", 1) < 1:
            self._end("the broker acknowledges nothing (its maximum QoS is 0)")
            client.disconnect()
        else:
            with self._cond:
                self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
                self.max_packet_bytes = getattr(properties, "MaximumPacketSize", _LARGEST_PACKET)
                self._ready = True
                self._cond.notify_all()

    def _on_connect_fail(self, client: Client, _data: object) -> None:
        # paho calls this while it handles the exception, and does not hand it over.
        self._end(f"cannot connect: {sys.exc_info()[1]}")
        # It would pause before it ends its thread.
        client.disconnect()

    def _on_publish(self, _client: Client, _data: object, mid: int, reason: ReasonCode, _more: Properties) -> None:
        with self._cond:
            self._acks[mid] = reason
            self._cond.notify_all()

    def _on_disconnect(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            taken = " (another client has the same client_id)" if reason == "Session taken over" else ""
            self._end(f"the broker ends the connection: {reason}{taken}")
        else:
            self._end(f"the connection was lost: {reason}")
