"""The sinks that a config asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from edge_camera.sinks.base import Sink
from edge_camera.sinks.file import FileSink
from edge_camera.sinks.file_config import FileConfig
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.secrets import Fault
from edge_camera.sinks.stdout import StdoutSink
from edge_camera.sinks.webhook import WebhookSink
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_common.clock import Clock
from edge_common.errors import StartError


class SinksConfig(Protocol):
    """What of `[sinks]` makes sinks; None for those that are not wanted."""

    @property
    def stdout(self) -> bool: ...

    @property
    def mqtt(self) -> MqttConfig | None: ...

    @property
    def webhook(self) -> WebhookConfig | None: ...

    @property
    def file(self) -> FileConfig | None: ...


@runtime_checkable
class Closable(Protocol):
    """A sink that holds something open."""

    def close(self) -> None:
        """Let go of it, within seconds; nothing is sent any more."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """A sink through which something is kept of each camera, for as long as there is that camera."""

    def keep_cameras(self, cameras: frozenset[str]) -> None:
        """There are no other cameras any more, or not yet; from any thread, at once."""
        ...


def sink_faults(config: SinksConfig) -> list[Fault]:
    """Return (key, wanted, found) for everything wrong with the sinks' own tables."""
    tables = [("mqtt", config.mqtt), ("webhook", config.webhook), ("file", config.file)]
    return [fault for name, table in tables if table is not None for fault in table.faults(f"sinks.{name}")]


def make_sinks(config: SinksConfig, gateway: str, clock: Clock) -> list[Sink]:
    """Return the sinks; none of them has touched the world yet, which may be away.

    Raises:
        StartError: the gateway's name cannot stand in a topic.
    """
    sinks: list[Sink] = [StdoutSink()] if config.stdout else []
    if config.mqtt is not None:
        # Imported here: paho costs 9 MB and 60 ms, for those who have a broker.
        from edge_camera.sinks.mqtt import MqttSink

        try:
            sinks.append(MqttSink(config.mqtt, gateway, clock))
        except ValueError as exc:
            raise StartError(f"sinks.mqtt: {exc}; set --gateway to a name without / + #") from None
    if config.webhook is not None:
        sinks.append(WebhookSink(config.webhook, clock))
    if config.file is not None:
        sinks.append(FileSink(config.file))
    return sinks


def keep_cameras(sinks: Iterable[Sink], cameras: Iterable[str]) -> None:
    """Tell the sinks which cameras there are from now on."""
    for sink in sinks:
        if isinstance(sink, Keeper):
            sink.keep_cameras(frozenset(cameras))


def close_sinks(sinks: Iterable[Sink]) -> None:
    """Close those that can be closed; to be called when nothing is delivered any more."""
    for sink in sinks:
        if isinstance(sink, Closable):
            sink.close()
