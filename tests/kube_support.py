"""An API server of Kubernetes, as far as edgectl asks one: real HTTP, objects from a dictionary, refusals by rule.

What pods say at /metrics is what the services' own code writes.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from edge_inference.metrics import Recorder, Timing
from served import QuietHandler, serving

NAMESPACE = "edge"
# The one pod of the release `dock`.
POD = "dock-aaaaaaaaa-11111"
LABELS = ("carton", "crate", "drum")
Object = dict[str, Any]


def recorder(version: str = "1.0.0", model: str = "dock") -> Recorder:
    """Return what an inference pod of this version counts with."""
    made = Recorder(LABELS, budget_s=0.5)
    made.model, made.version = model, version
    made.info = {"sha256": "ab" * 32, "task": "detection", "runtime": "onnxruntime"}
    return made


def calls(to: Recorder, count: int, *, ms: float = 4.0, failed: int = 0, score: float = 0.85, label: str = "") -> None:
    """Count calls that took `ms`, the last `failed` of them in vain; two predictions each, a little apart."""
    for number in range(count):
        spent = int(ms * (0.9 + 0.2 * ((number * 7) % 11) / 10) * 1e6)
        timing = Timing(started=time.perf_counter_ns() - spent, run=spent, batch=1)
        to.finish(timing, "failed" if number >= count - failed else "ok")
        to.count_classes(
            [(label or LABELS[(number + step) % 3], score - 0.1 * ((number + step) % 3)) for step in (0, 1)]
        )


def exposition(of: Collector, *, cpu_s: float | None = None, rss: float | None = None, started: float = 1e9) -> str:
    """Return a scrape; process figures are those of a process of its own."""
    registry = CollectorRegistry()
    registry.register(of)
    text = generate_latest(registry).decode()
    for name, value in (("process_cpu_seconds_total", cpu_s), ("process_resident_memory_bytes", rss)):
        text += f"{name} {value}\n" if value is not None else ""
    return text + f"process_start_time_seconds {started}\n"


def pod(
    name: str,
    release: str = "dock",
    version: str = "1.0.0",
    *,
    made: str = "2026-11-21T10:00:00Z",
    component: str = "inference",
    ready: bool = True,
    restarts: int = 0,
    state: Object | None = None,
    last: Object | None = None,
) -> Object:
    """Return a pod of a release; its template hash is what stands before the last dash of its name."""
    labels = {
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "edge-serve",
        "pod-template-hash": name.split("-")[-2],
        "edge-serve/model": release,
        "edge-serve/model-version": version,
    }
    container = {
        "name": "service", "image": f"localhost/edge-model-{release}:{version}",
        "ports": [{"name": "metrics", "containerPort": 9090}],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}},
    }  # fmt: skip
    status = {
        "name": "service", "ready": ready, "restartCount": restarts, "imageID": "sha256:" + version.encode().hex() * 8,
        "state": state or {"running": {}}, "lastState": last or {},
    }  # fmt: skip
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "creationTimestamp": made},
        "spec": {"containers": [container], "nodeName": "gateway"},
        "status": {
            "phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [status],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }  # fmt: skip


def deployment(name: str = "dock", *, replicas: int = 1, ready: int = 1, component: str = "inference") -> Object:
    labels = {
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "edge-serve",
    }
    meta = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"metadata": meta, "spec": {"replicas": replicas}, "status": {"readyReplicas": ready}}


def job(name: str, component: str, *, made: str, version: str = "", failed: str = "") -> Object:
    """Return a hook Job of the release `dock`; `failed` is what Kubernetes says of its end."""
    labels = deployment(component=component)["metadata"]["labels"]
    inner = labels | ({"edge-serve/model-version": version} if version else {})
    meta = {"name": name, "namespace": NAMESPACE, "labels": labels, "creationTimestamp": made}
    ended = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": failed}
    return {
        "metadata": meta,
        "spec": {"template": {"metadata": {"labels": inner}}},
        "status": {"conditions": [ended] if failed else []},
    }


def job_pod(of: Object, *, phase: str, waiting: str = "") -> Object:
    """Return the pod of such a Job."""
    labels = of["metadata"]["labels"]
    owner = {"kind": "Job", "name": of["metadata"]["name"]}
    meta = {"name": f"{owner['name']}-x2x4z", "namespace": NAMESPACE, "labels": labels, "ownerReferences": [owner]}
    meta["creationTimestamp"] = of["metadata"]["creationTimestamp"]
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {"metadata": meta, "status": {"phase": phase, "containerStatuses": [{"name": "guard", "state": state}]}}


def helm_secret(number: int, status: str, release: str = "dock") -> Object:
    labels = {"owner": "helm", "name": release, "status": status, "version": str(number), "modifiedAt": "1795000000"}
    return {"metadata": {"name": f"sh.helm.release.v1.{release}.v{number}", "namespace": NAMESPACE, "labels": labels}}


@dataclass(slots=True)
class Kube:
    """`objects` by resource; `metrics` and `logs` by pod; `refused` are `verb resource` pairs answered with 403."""

    port: int = 0
    objects: dict[str, list[Object]] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    away: bool = False

    def find(self, resource: str, name: str) -> Object | None:
        if resource == "namespaces":
            return {"metadata": {"name": name}} if name == NAMESPACE else None
        return next((each for each in self.objects.get(resource, []) if each["metadata"]["name"] == name), None)

    def list(self, resource: str, selector: str) -> list[Object]:
        found = self.objects.get(resource, [])
        return [each for each in found if selected(each["metadata"].get("labels", {}), selector)]

    def put(self, resource: str, name: str, content: Object) -> None:
        others = [each for each in self.objects.get(resource, []) if each["metadata"]["name"] != name]
        self.objects[resource] = [*others, content]


@contextmanager
def kube() -> Iterator[Kube]:
    """Serve a cluster."""
    cluster = Kube()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster)) as server:
        cluster.port = server.server_port
        with serving(server, threading.Event()):
            yield cluster


def kubeconfig(path: Path, port: int) -> Path:
    """Write the kubeconfig of a person who may ask this cluster."""
    path.write_text(
        json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
        })
    )  # fmt: skip
    return path


def _handler(cluster: Kube) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            resource, name, sub = _named(parts.path)
            if self._refuse("get" if name else "list", f"{resource}/{sub}" if sub else resource):
                return
            if sub == "proxy":
                self._metrics(name.partition(":")[0])
            elif sub == "log":
                self._log(name, query)
            elif name:
                found = cluster.find(resource, name)
                self._json(found or {"message": f'{resource} "{name}" not found'}, 200 if found else 404)
            else:
                self._json({"metadata": {}, "items": cluster.list(resource, query.get("labelSelector", ""))})

        def do_POST(self) -> None:
            if _named(self.path)[0] == "selfsubjectaccessreviews":
                self._review()
            else:
                self._write("create")

        def do_PUT(self) -> None:
            self._write("update")

        def _write(self, verb: str) -> None:
            resource, name, _ = _named(self.path)
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self._refuse(verb, resource):
                cluster.put(resource, name or content["metadata"]["name"], content)
                self._json(content, 201)

        def _review(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = content["spec"]["resourceAttributes"]
            if not self._refuse("ask", "selfsubjectaccessreviews"):
                allowed = f"{asked['verb']} {asked['resource']}" not in cluster.refused
                self._json(content | {"status": {"allowed": allowed}}, 201)

        def _refuse(self, verb: str, resource: str) -> bool:
            cluster.asked.append(f"{verb} {resource}")
            if cluster.away:
                self._json({"message": "etcdserver: request timed out"}, 500)
            elif self.headers.get("Authorization") != "Bearer secret":
                self._json({"message": "Unauthorized"}, 401)
            elif f"{verb} {resource}" in cluster.refused:
                self._json({"message": "forbidden"}, 403)
            else:
                return False
            return True

        def _metrics(self, name: str) -> None:
            text = cluster.metrics.get(name)
            self._text(text or "error trying to reach service: connection refused", 200 if text is not None else 503)

        def _log(self, name: str, query: dict[str, str]) -> None:
            text = cluster.logs.get(f"{name} previous" if query.get("previous") else name)
            if text is None:
                self._json({"message": f'previous terminated container in pod "{name}" not found'}, 400)
            else:
                # Of a connection that broke: nothing was said meanwhile.
                lines = int(query["tailLines"]) if "sinceSeconds" not in query else 0
                self._text("".join(text.splitlines(keepends=True)[-lines:] if lines else ""), 200)

        def _json(self, content: Object, status: int = 200) -> None:
            self._text(json.dumps(content), status, "application/json")

        def _text(self, text: str, status: int, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    return Handler


def selected(labels: dict[str, str], selector: str) -> bool:
    """Do labels meet a selector of `key=value` and `key in (a,b)`?"""
    wanted = re.findall(r"([^\s,=]+)(?:=([^,]+)| in \(([^)]+)\))", selector)
    return all(labels.get(key) in (several.split(",") if several else [one]) for key, one, several in wanted)


def _named(path: str) -> tuple[str, str, str]:
    """Return resource, name and subresource of a path such as /api/v1/namespaces/edge/pods/a/log."""
    parts = urlsplit(path).path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    parts = parts[2:] if parts[0] == "namespaces" and len(parts) > 2 else parts
    resource, name, sub = [*parts, "", ""][:3]
    return resource, name, sub
