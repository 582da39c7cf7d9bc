"""The MQTT sink: who is let in, and whom it trusts."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from edge_camera.spool.outbox import Unfinished
from live import until
from mqtt_support import EVENTS, STATE, STATUS, sent, sink_at
from sink_support import Broker, Certificates, detection_event, make_certificates, state_event

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


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
        until(lambda: sent(sink, state_event()), "allowed")
        sink.close()


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
