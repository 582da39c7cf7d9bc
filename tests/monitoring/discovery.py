#!/usr/bin/python3
"""Debian's Prometheus, with the Kubernetes service discovery that Debian leaves out of it.

Run as `prometheus`, with its arguments. Each `kubernetes_sd_configs` of the configuration becomes an `http_sd_configs` that asks this
process, and this process asks the API server: with the pod's own token and CA, and so under its Role and its NetworkPolicy. The `__meta_*`
labels are those that Prometheus documents, so that the chart's relabelings are used as they are. It stands in tests only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

PROMETHEUS = "/usr/lib/prometheus/prometheus"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFIG = "--config.file="
REFRESH = "2s"
KUBELET_PORT = 10250
Labels = dict[str, str]
Target = tuple[str, Labels]


def main(arguments: list[str]) -> int:
    """Run Prometheus until it ends, and return its exit code."""
    given = next(each.removeprefix(CONFIG) for each in arguments if each.startswith(CONFIG))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(read))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = Path(given).read_text(encoding="utf-8")
    config = rewritten(yaml.safe_load(text), f"http://127.0.0.1:{server.server_port}")
    # The root file system is read-only: the configuration is a file in memory.
    memory = os.memfd_create("prometheus.yml", 0)
    os.write(memory, yaml.safe_dump(config).encode())
    rest = [each for each in arguments if not each.startswith(CONFIG)]
    path = f"{CONFIG}/proc/{os.getpid()}/fd/{memory}"
    with subprocess.Popen([PROMETHEUS, path, *rest]) as process:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: process.send_signal(received))
        return process.wait()


def rewritten(config: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the configuration with `url` to ask for targets, in the place of Kubernetes."""
    scrapes = []
    for scrape in config["scrape_configs"]:
        mine = {key: each for key, each in scrape.items() if key != "kubernetes_sd_configs"}
        asked = scrape.get("kubernetes_sd_configs", [])
        if asked:
            queries = [urllib.parse.urlencode({"path": path}) for each in asked for path in api_paths(each)]
            mine["http_sd_configs"] = [{"url": f"{url}/?{query}", "refresh_interval": REFRESH} for query in queries]
        scrapes.append(mine)
    return {**config, "scrape_configs": scrapes}


def api_paths(discovery: Mapping[str, Any]) -> Iterator[str]:
    """The lists of the API that one `kubernetes_sd_configs` entry stands for.

    Raises:
        ValueError: it has a key or a role that is not known here, so that none is passed over in silence.
    """
    unknown = discovery.keys() - {"role", "namespaces", "selectors"}
    if unknown or discovery["role"] not in {"pod", "node"}:
        raise ValueError(f"kubernetes_sd_configs: want role pod or node, namespaces, selectors; found {discovery}")
    if discovery["role"] == "node":
        yield "/api/v1/nodes"
        return
    wanted = [each["label"] for each in discovery.get("selectors", [])]
    query = f"?{urllib.parse.urlencode({'labelSelector': ','.join(wanted)})}" if wanted else ""
    for namespace in discovery["namespaces"]["names"]:
        yield f"/api/v1/namespaces/{namespace}/pods{query}"


def targets(path: str, found: Mapping[str, Any]) -> list[Target]:
    """The targets in a list of pods or nodes, as Prometheus's own discovery makes them."""
    make = node_targets if path.startswith("/api/v1/nodes") else pod_targets
    return [target for each in found["items"] for target in make(each)]


def pod_targets(pod: Mapping[str, Any]) -> Iterator[Target]:
    """One for each port of each container, or for each container without a port; none before there is an address."""
    address = pod["status"].get("podIP")
    if not address:
        return
    labels = {
        "__meta_kubernetes_namespace": pod["metadata"]["namespace"],
        "__meta_kubernetes_pod_name": pod["metadata"]["name"],
        "__meta_kubernetes_pod_ip": address,
        "__meta_kubernetes_pod_phase": pod["status"]["phase"],
        "__meta_kubernetes_pod_node_name": pod["spec"]["nodeName"],
        **named("__meta_kubernetes_pod_label_", pod["metadata"].get("labels", {})),
    }
    for container in pod["spec"]["containers"]:
        mine = labels | {"__meta_kubernetes_pod_container_name": container["name"]}
        for port in container.get("ports", []):
            number = str(port["containerPort"])
            its = {
                "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
                "__meta_kubernetes_pod_container_port_number": number,
            }
            yield f"{address}:{number}", mine | its
        if not container.get("ports"):
            yield address, mine


def node_targets(node: Mapping[str, Any]) -> Iterator[Target]:
    """The kubelet of a node."""
    address = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    labels = named("__meta_kubernetes_node_label_", node["metadata"].get("labels", {}))
    yield f"{address}:{KUBELET_PORT}", labels | {"__meta_kubernetes_node_name": node["metadata"]["name"]}


def named(prefix: str, labels: Mapping[str, str]) -> Labels:
    """Labels of Kubernetes as labels of Prometheus."""
    return {prefix + re.sub(r"[^a-zA-Z0-9_]", "_", name): value for name, value in labels.items()}


def read(path: str) -> Any:
    """Ask the API server, as the pod's account.

    Raises:
        OSError: it cannot be reached, or it refuses.
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (ACCOUNT / "token").read_text(encoding="utf-8")
    request = urllib.request.Request(f"https://{host}:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    context = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return json.load(answer)


def handler(ask: Callable[[str], Any]) -> type[BaseHTTPRequestHandler]:
    """Return a handler that answers with the targets of a path of the API, or with 502 and the reason."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["path"][0]
            try:
                found = targets(path, ask(path))
            except OSError as exc:
                print(f"discovery: {path}: {exc}", file=sys.stderr, flush=True)
                self.send_error(502, str(exc))
                return
            body = json.dumps([{"targets": [address], "labels": labels} for address, labels in found]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet: it is asked every two seconds."""

    return Handler


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
