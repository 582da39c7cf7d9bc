"""The tests' namespace on the cluster, and the lab's volumes that an earlier run has held."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from e2e.cloud import BROKER_PORT, CLOUD, FAR_PORT, GATEWAY, NEAR_PORT, YARD
from e2e.cluster import KEPT, NAMESPACE, Cluster
from e2e.releases import CAMERAS


def make_namespace(cluster: Cluster) -> None:
    """Make the tests' namespace; Kubernetes itself refuses there every pod that is not restricted."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})


def remove_namespace(cluster: Cluster) -> None:
    """Remove the tests' namespace with all that is in it, and wait until it is gone."""
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=180)


def free_volumes(cluster: Cluster) -> list[str]:
    """Empty the lab's volumes that claims of this namespace have held, for claims to come; return their names.

    The lab makes six and retains them, as nobody there provisions any; another cluster has its provisioner.
    """
    if cluster.lab is None:
        return []
    found = json.loads(cluster.run("kubectl", "get", "persistentvolumes", "-o", "json").stdout)["items"]
    spent = [volume for volume in found if _was_ours(volume)]
    for volume in spent:
        _empty(Path(volume["spec"]["local"]["path"]))
        patch = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
        cluster.run("kubectl", "patch", "persistentvolume", volume["metadata"]["name"], "--type=json", "-p", patch)
    return [volume["metadata"]["name"] for volume in spent]


def _was_ours(volume: dict[str, Any]) -> bool:
    claim = volume["spec"].get("claimRef", {})
    return bool(volume["status"]["phase"] == "Released" and claim.get("namespace") == NAMESPACE)


def _empty(folder: Path) -> None:
    """An earlier run's spool would be sent again."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def addresses(cluster: Cluster) -> str:
    """Return, for a person, where everything that KEEP=1 left running answers."""
    services = json.loads(cluster.kubectl("get", "services", "-o", "json"))["items"]
    lines = [cluster.kubectl("get", "pods,services", "-o", "wide"), "left running:"]
    inside = f"{cluster.lab} in gateway curl " if cluster.lab is not None else "from a node: curl "
    for service in services:
        address, port = service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]
        lines.append(f"  {service['metadata']['name']}: {inside}http://{address}:{port}/v2/health/ready")
    lines.append(
        f"  live page: kubectl -n {NAMESPACE} port-forward service/{CAMERAS} 8090, then http://127.0.0.1:8090/"
    )
    if cluster.lab is not None:
        near, far = f"rtsp://{GATEWAY}:{NEAR_PORT}/stream", f"rtsp://{YARD}:{FAR_PORT}/stream"
        lines += [
            f"  cameras: {near} {far}",
            f"  broker: mqtt://{CLOUD}:{BROKER_PORT}",
            f"  to end it: kill $(cat {KEPT}/camera-*.pid); {cluster.lab} down",
        ]
    return "\n".join(lines)
