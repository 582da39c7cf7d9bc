"""Events to an MQTT 5 broker, each acknowledged; the last state of each camera and of the gateway is retained there."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import msgspec
from paho.mqtt.reasoncodes import ReasonCode

from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.mqtt_link import Link, Message
from edge_camera.sinks.mqtt_states import States
from edge_camera.sinks.mqtt_suspect import Suspect
from edge_camera.sinks.topics import Head, fill
from edge_camera.spool.outbox import Undeliverable, Unfinished
from edge_common.clock import Clock

ONLINE, OFFLINE = b"online", b"offline"
# Events of one call; their acknowledgements come a window at a time.
MAX_BATCH = 100
# The last word, and the wait for a delivery that is under way, take this long at most.
_CLOSE_S = 1.0
# What a broker answers about the message itself: topic name invalid, payload format invalid.
_REFUSALS = frozenset({0x90, 0x99})

Parcel = tuple[Message, ...]


class MqttSink:
    """One broker. It is connected to at the first event, and again at the first one after a connection was lost."""

    name = "mqtt"
    max_batch = MAX_BATCH

    def __init__(self, config: MqttConfig, gateway: str, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._client_id = fill(config.client_id, {"gateway": gateway})
        self._status_topic = fill(config.status_topic, {"gateway": gateway})
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._closed = False
        self._suspect = Suspect()
        self._states = States(lambda camera: self._state_topic(gateway, camera))

    def send(self, line: bytes) -> None:
        """Deliver one event, within `timeout_s`.

        Raises:
            Undeliverable: the broker will never take it, or it is no event.
            OSError: it was not acknowledged in time.
        """
        self.send_many([line])

    def send_many(self, lines: Sequence[bytes]) -> None:
        """Deliver events in order, within `timeout_s`; see BatchSink."""
        until = self._clock.monotonic() + self._config.timeout_s
        with self._lock:
            try:
                link = self._connected(until)
                self._tell(link, self._states.gone(), until)
            except OSError:
                self._drop()
                raise
            parcels, strange = self._pack(lines, link.max_packet_bytes)
            done = 0
            try:
                for taken in self._bring(link, parcels, until):
                    done = taken
                    self._suspect.cleared()
            except Undeliverable:
                self._drop()
                raise
            except OSError as exc:
                self._drop()
                if isinstance(exc, ConnectionError) and self._suspect.convicted(lines[done]):
                    raise Undeliverable(f"it ends the connection each time: {exc}", done) from None
                raise Unfinished(str(exc), done) from None
        if strange is not None:
            raise strange

    def keep_cameras(self, cameras: frozenset[str]) -> None:
        """From now on there are no other cameras: with the next delivery, what is retained of others goes."""
        self._states.keep(cameras)

    def close(self) -> None:
        """Say that the gateway is offline and end the connection; a few seconds at most."""
        self._closed = True
        if not self._lock.acquire(timeout=_CLOSE_S):
            # A delivery hangs: with its connection gone it fails, and the broker tells the will.
            self._drop()
            return
        try:
            if (link := self._link) is not None and not link.lost:
                until = self._clock.monotonic() + _CLOSE_S
                for _ in link.deliver([self._status(OFFLINE)], until):
                    link.leave(until)
        except OSError:
            pass  # then the will tells
        finally:
            self._drop()
            self._lock.release()

    def _bring(self, link: Link, parcels: list[Parcel], until: float) -> Iterator[int]:
        """Publish; yield how many events are acknowledged, after each of them."""
        alone = 1 if parcels and self._suspect.is_it(parcels[0][0].payload) else 0
        done = 0
        for part in (parcels[:alone], parcels[alone:]):
            landed = link.deliver((message for parcel in part for message in parcel), until)
            for parcel in part:
                for _ in parcel:
                    self._judge(*next(landed), done)
                done += 1
                yield done

    def _connected(self, until: float) -> Link:
        """Return a link that lives; a new one has told the broker what it must retain."""
        if self._closed:
            raise OSError("closed")
        if self._link is None or self._link.lost:
            self._drop()
            link = self._link = Link(self._config, self._client_id, self._status(OFFLINE), self._clock)
            link.open(until)
            self._tell(link, [self._status(ONLINE), *self._states.all()], until)
        return self._link

    def _tell(self, link: Link, messages: list[Message], until: float) -> None:
        """Have the broker retain what is no event, or raise OSError."""
        for message, reason in link.deliver(messages, until):
            if reason.is_failure:
                raise OSError(f"the broker refuses {message.topic}: {reason}")
            if not message.payload:
                self._states.told(message)

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.drop()

    def _status(self, payload: bytes) -> Message:
        return Message(topic=self._status_topic, payload=payload, retain=True)

    def _pack(self, lines: Sequence[bytes], max_bytes: int) -> tuple[list[Parcel], Undeliverable | None]:
        """Return the messages of each event up to the first that cannot be sent, and what is wrong with that one."""
        parcels: list[Parcel] = []
        for line in lines:
            try:
                parcel = self._parcel(line)
            except ValueError as exc:
                return parcels, Undeliverable(str(exc), len(parcels))
            if max(message.packet_bytes for message in parcel) > max_bytes:
                reason = f"an event of {len(line)} bytes; the broker takes packets of {max_bytes}"
                return parcels, Undeliverable(reason, len(parcels))
            parcels.append(parcel)
        return parcels, None

    def _parcel(self, line: bytes) -> Parcel:
        """Return an event's messages; raise ValueError when it is none, or a name cannot stand in a topic."""
        head = msgspec.json.decode(line, type=Head)
        values = {"gateway": head.gateway, "camera": head.camera, "kind": head.kind}
        expiry_s = self._config.detection_expiry_s if head.kind == "detection" else 0
        event = Message(topic=fill(self._config.topic, values), payload=line, expiry_s=expiry_s)
        if head.kind != "state" or not self._states.kept(head.camera):
            return (event,)
        return event, Message(topic=self._state_topic(head.gateway, head.camera), payload=line, retain=True)

    def _state_topic(self, gateway: str, camera: str) -> str:
        return fill(self._config.state_topic, {"gateway": gateway, "camera": camera, "kind": "state"})

    def _judge(self, message: Message, reason: ReasonCode, done: int) -> None:
        if reason.value in _REFUSALS:
            raise Undeliverable(f"the broker refuses {message.topic}: {reason}", done)
        if reason.is_failure:
            # An access list or a quota is the broker's, not the event's: it may be taken when that was put right.
            raise OSError(f"the broker refuses {message.topic}: {reason}")
        if message.retain:
            self._states.told(message)
