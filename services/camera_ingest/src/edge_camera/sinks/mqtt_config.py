"""The keys of `[sinks.mqtt]` and their bounds."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from edge_camera.sinks.secrets import Fault, secret_fault, shown, user_password
from edge_camera.sinks.tls import TlsFiles
from edge_camera.sinks.topics import FIELDS, template_fault

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_GATEWAY = frozenset({"gateway"})


class MqttConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which broker, how to log in, and which topics; `credentials`, `ca`, `cert` and `key` are paths of files.

    A detection that nobody fetched for `detection_expiry_s` is dropped by the broker; 0 keeps it. `timeout_s` bounds
    each delivery as a whole, with connecting.
    """

    url: str
    topic: str = "edge/{gateway}/{camera}/events"
    state_topic: str = "edge/{gateway}/{camera}/state"
    status_topic: str = "edge/{gateway}/status"
    client_id: str = "edge-camera-{gateway}"
    credentials: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    timeout_s: float = 10.0
    keepalive_s: int = 30
    detection_expiry_s: int = 3600

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]

    @property
    def tls(self) -> TlsFiles | None:
        """The files for mqtts; None for mqtt."""
        return TlsFiles(self.ca, self.cert, self.key) if urlsplit(self.url).scheme == "mqtts" else None

    def faults(self, key: str) -> list[Fault]:
        """Return (key, wanted, found) for everything wrong; `key` is the table's own, as in `sinks.mqtt`."""
        if not _is_broker(self.url):
            wanted = "mqtt://HOST[:PORT] or mqtts://HOST[:PORT], user and password in a file"
            return [(f"{key}.url", wanted, shown(self.url))]
        faults = _template_faults(self) + _bound_faults(self)
        faults += TlsFiles(self.ca, self.cert, self.key).faults(urlsplit(self.url).scheme)
        faults += secret_fault("credentials", self.credentials, user_password, "a file that holds user:password")
        return [(f"{key}.{name}", wanted, found) for name, wanted, found in faults]


def _is_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # What paho would do with it much later, and then raise a ValueError.
        (parts.hostname or "").encode("idna")
        bare = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
        return parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0 and bare
    except ValueError:
        return False


def _template_faults(config: MqttConfig) -> list[Fault]:
    templates = [
        ("topic", config.topic, FIELDS),
        ("state_topic", config.state_topic, FIELDS),
        ("status_topic", config.status_topic, _GATEWAY),
        ("client_id", config.client_id, _GATEWAY),
    ]
    faults: list[Fault] = []
    for name, template, fields in templates:
        if (fault := template_fault(template, fields)) is not None:
            names = ", ".join(f"{{{field}}}" for field in sorted(fields))
            faults.append((name, f"a text with none but the fields {names}", f"{fault} in {template[:200]}"))
    if "{camera}" not in config.state_topic:
        faults.append(("state_topic", "a topic for each {camera}", config.state_topic))
    return faults


def _bound_faults(config: MqttConfig) -> list[Fault]:
    expiry = config.detection_expiry_s
    checks = [
        (0.1 <= config.timeout_s <= 300, "timeout_s", "0.1 to 300 seconds", config.timeout_s),
        (5 <= config.keepalive_s <= 3600, "keepalive_s", "5 to 3600 seconds", config.keepalive_s),
        (0 <= expiry <= 31_622_400, "detection_expiry_s", "0 to 31622400 seconds", expiry),
    ]
    return [(name, wanted, found) for good, name, wanted, found in checks if not good]
