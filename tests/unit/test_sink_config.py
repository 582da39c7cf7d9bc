"""The tables of the sinks: each fault is one line that names key, what was wanted and what was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_camera.sinks.base import Sink
from edge_camera.sinks.file_config import FileConfig
from edge_camera.sinks.make import close_sinks, make_sinks, sink_faults
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.spool.outbox import BatchSink
from edge_common.clock import SystemClock
from edge_common.errors import StartError
from edge_common.tomlfile import ConfigError, typed
from sink_support import make_certificates


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stdout: bool = False
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    file: FileConfig | None = None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sinks")
    make_certificates(folder)
    (folder / "login").write_text("user:hunter2\n")
    (folder / "short").write_text("hunter2")
    (folder / "empty").write_text("")
    (folder / "token").write_text("abc.def")
    subprocess.run(
        ["openssl", "ec", "-in", "client.key", "-aes256", "-passout", "pass:hunter2", "-out", "locked.key"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder


MQTT, TLS, HOOK = {"url": "mqtt://b"}, {"url": "mqtts://b"}, {"url": "https://h/x"}


@pytest.mark.parametrize(
    ("table", "values", "key", "words"),
    [
        pytest.param("mqtt", {"url": "b:1883"}, "url", ["mqtt://HOST", "no scheme"], id="no scheme"),
        pytest.param("mqtt", {"url": "http://b"}, "url", ["mqtt://HOST", "http://b"], id="http"),
        pytest.param("mqtt", {"url": "mqtt://me:hunter2@b"}, "url", ["in a file", "mqtt://...@..."], id="password"),
        pytest.param("mqtt", {"url": "mqtt://b:99999"}, "url", ["HOST[:PORT]"], id="port"),
        pytest.param("mqtt", {"url": "mqtt://b/hunter2"}, "url", ["HOST[:PORT]", "mqtt://b"], id="path"),
        pytest.param("mqtt", {"url": "mqtt://" + "b" * 70}, "url", ["HOST[:PORT]"], id="host too long"),
        pytest.param("mqtt", MQTT | {"topic": "edge/{cam}"}, "topic", ["{camera}", "{cam}"], id="field"),
        pytest.param("mqtt", MQTT | {"topic": "edge/#"}, "topic", ["not a topic"], id="wildcard"),
        pytest.param("mqtt", MQTT | {"state_topic": "edge/state"}, "state_topic", ["each {camera}"], id="one state"),
        pytest.param("mqtt", MQTT | {"status_topic": "e/{camera}"}, "status_topic", ["{camera}"], id="status"),
        pytest.param("mqtt", MQTT | {"timeout_s": 0}, "timeout_s", ["0.1 to 300"], id="timeout"),
        pytest.param("mqtt", MQTT | {"keepalive_s": 0}, "keepalive_s", ["5 to 3600"], id="keepalive"),
        pytest.param("mqtt", MQTT | {"detection_expiry_s": -1}, "detection_expiry_s", ["31622400"], id="expiry"),
        pytest.param("mqtt", MQTT | {"credentials": "/no"}, "credentials", ["user:password", "/no"], id="no file"),
        pytest.param("mqtt", MQTT | {"credentials": "@short"}, "credentials", ["user:password"], id="no colon"),
        pytest.param("mqtt", MQTT | {"ca": "@ca.pem"}, "url", ["mqtts://HOST", "ca is set"], id="ca without TLS"),
        pytest.param("mqtt", TLS | {"ca": "@empty"}, "ca", ["PEM", "empty"], id="ca empty"),
        pytest.param("mqtt", TLS | {"ca": "/no"}, "ca", ["can be read", "No such file"], id="ca missing"),
        pytest.param("mqtt", TLS | {"cert": "@client.pem"}, "key", ["together"], id="cert without key"),
        pytest.param("mqtt", TLS | {"key": "@client.key"}, "cert", ["together"], id="key without cert"),
        pytest.param(
            "mqtt", TLS | {"cert": "@client.pem", "key": "@server.key"}, "cert", ["one of the cert"], id="other key"
        ),
        pytest.param(
            "mqtt", TLS | {"cert": "@client.pem", "key": "@locked.key"}, "cert", ["locked.key"], id="locked key"
        ),
        pytest.param("webhook", {"url": "ftp://h"}, "url", ["http://HOST", "ftp://h"], id="ftp"),
        pytest.param("webhook", {"url": "https://u:hunter2@h/"}, "url", ["in a file", "https://...@"], id="user"),
        pytest.param("webhook", {"url": "http://h:x/hunter2"}, "url", ["http://h:x"], id="bad port"),
        pytest.param("webhook", HOOK | {"max_batch": 0}, "max_batch", ["1 to 1000"], id="batch"),
        pytest.param("webhook", HOOK | {"timeout_s": float("nan")}, "timeout_s", ["0.1 to 300"], id="nan"),
        pytest.param("webhook", HOOK | {"token": "@login"}, "token", ["bearer token"], id="no token"),
        pytest.param("webhook", HOOK | {"token": "@token", "credentials": "@login"}, "token", ["both"], id="both"),
        pytest.param("webhook", HOOK | {"signing_key": "@short"}, "signing_key", ["16", "found 7"], id="short key"),
        pytest.param("webhook", {"url": "http://h", "ca": "@ca.pem"}, "url", ["https://HOST"], id="ca and http"),
        pytest.param("file", {"path": ""}, "path", ["a file in a folder"], id="no path"),
        pytest.param("file", {"path": "/no/where"}, "path", ["folder that exists", "/no/where"], id="no folder"),
        pytest.param("file", {"path": "/tmp"}, "path", ["a file", "/tmp"], id="a folder"),
        pytest.param("file", {"path": "/tmp/" + "x" * 300}, "path", ["a file"], id="long name"),
        pytest.param("file", {"path": "/tmp/e", "max_bytes": 10}, "max_bytes", ["65536"], id="small"),
        pytest.param("file", {"path": "/tmp/e", "keep": -1}, "keep", ["0 to 1000"], id="keep"),
    ],
)
def test_fault(folder: Path, table: str, values: dict[str, Any], key: str, words: list[str]) -> None:
    placed = {k: str(folder / v[1:]) if isinstance(v, str) and v.startswith("@") else v for k, v in values.items()}
    faults = sink_faults(msgspec.convert({table: placed}, Tables))
    assert [fault[0] for fault in faults] == [f"sinks.{table}.{key}"]
    text = "want {1}, found {2!r}".format(*faults[0])
    assert "\n" not in text
    assert all(word in text for word in words), text
    assert "hunter2" not in text


@pytest.mark.parametrize("table", ["mqtt", "webhook", "file"])
def test_an_unknown_key_is_refused(table: str) -> None:
    need = {"path": "/tmp/e"} if table == "file" else {"url": "mqtt://b"}
    with pytest.raises(ConfigError, match=f"{table}.topik"):
        typed(Path("c.toml"), {table: need | {"topik": 1}}, Tables)


def test_good_tables_have_no_faults_and_make_sinks(folder: Path) -> None:
    cert: dict[str, Any] = {
        "ca": str(folder / "ca.pem"),
        "cert": str(folder / "client.pem"),
        "key": str(folder / "client.key"),
    }
    tables = Tables(
        stdout=True,
        mqtt=MqttConfig("mqtts://[::1]:8884", credentials=str(folder / "login"), **cert),
        webhook=WebhookConfig("https://h:1/x?y=1", token=str(folder / "token"), **cert),
        file=FileConfig(str(folder / "events")),
    )
    assert sink_faults(tables) == []
    assert tables.mqtt is not None and tables.mqtt.address == ("::1", 8884)
    sinks: list[Sink] = make_sinks(tables, "gw-1", SystemClock())
    assert [(sink.name, isinstance(sink, BatchSink)) for sink in sinks] == [
        ("stdout", False), ("mqtt", True), ("webhook", True), ("file", True),
    ]  # fmt: skip
    close_sinks(sinks)
    assert not (folder / "events").exists(), "nothing is touched before the first event"


def test_no_sinks() -> None:
    assert make_sinks(Tables(), "gw/1", SystemClock()) == []


@pytest.mark.parametrize("gateway", ["gw/1", "gw+", "#", "", "gw\n"])
def test_a_gateway_that_cannot_stand_in_a_topic(gateway: str) -> None:
    with pytest.raises(StartError, match=r"sinks.mqtt: gateway .*--gateway"):
        make_sinks(Tables(mqtt=MqttConfig("mqtt://b")), gateway, SystemClock())


def test_paho_is_loaded_for_mqtt_only() -> None:
    code = "import sys, edge_camera.sinks.make; print('paho' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
