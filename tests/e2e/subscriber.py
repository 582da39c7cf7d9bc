"""Runs on the cloud's side: every MQTT message of a topic as one line of a file, and one that begins
with # for each time that it has subscribed. Arguments: host, port, topic, file."""

from __future__ import annotations

import sys
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


def main(host: str, port: str, topic: str, file: str) -> None:
    with Path(file).open("ab", buffering=0) as lines:
        client = Client(CallbackAPIVersion.VERSION2, client_id="e2e-subscriber", protocol=MQTTProtocolVersion.MQTTv5)

        def subscribe(*_: object) -> None:
            client.subscribe(topic, qos=1)

        def keep(_client: Client, _data: object, message: MQTTMessage) -> None:
            lines.write(message.payload + b"\n")

        def tell(*_: object) -> None:
            lines.write(b"# subscribed\n")

        client.on_connect, client.on_subscribe, client.on_message = subscribe, tell, keep
        client.reconnect_delay_set(1, 1)
        client.connect(host, int(port))
        client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
