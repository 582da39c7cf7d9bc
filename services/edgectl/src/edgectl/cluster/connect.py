"""Two ways to the API server: with an operator's kubeconfig, and from a pod with its service account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.api import Api

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def connect(*, in_cluster: bool = False, context: str = "") -> Api:
    """Return the way in.

    Raises:
        StartError: no kubeconfig, a broken one, or no service account here.
    """
    return from_pod(os.environ) if in_cluster else from_kubeconfig(context)


def from_kubeconfig(context: str = "") -> Api:
    """Use KUBECONFIG, or ~/.kube/config, with all of its ways to log in: that is what the Kubernetes client is for."""
    # Half a second of imports: only for commands that ask a cluster.
    import yaml
    from kubernetes import client
    from kubernetes import config as untyped
    from kubernetes.config.config_exception import ConfigException

    config: Any = untyped
    # The client reads the variable once, when it is imported.
    file = os.environ.get("KUBECONFIG", "~/.kube/config")
    settings = client.Configuration()
    try:
        contexts, active = config.list_kube_config_contexts(config_file=file)
        chosen = _chosen(contexts, active, context)
        config.load_kube_config(config_file=file, context=chosen["name"], client_configuration=settings)
    except ConfigException as exc:
        raise StartError(f"kubeconfig: {_line(exc)}; KUBECONFIG names another file") from None
    except (OSError, ValueError, yaml.YAMLError) as exc:
        raise StartError(f"kubeconfig: cannot read it: {_line(exc)}") from None
    rest = client.ApiClient(settings).rest_client

    def headers() -> Mapping[str, str]:
        known: dict[str, Any] = dict(settings.auth_settings())
        return {each["key"]: each["value"] or "" for each in known.values()}

    namespace = chosen.get("context", {}).get("namespace") or "default"
    return Api(settings.host.rstrip("/"), rest.pool_manager, headers, namespace, chosen["name"])


def _chosen(contexts: list[dict[str, Any]], active: dict[str, Any], wanted: str) -> dict[str, Any]:
    if not wanted:
        return active
    names = [each["name"] for each in contexts]
    if wanted not in names:
        raise StartError(f"--context {wanted}: want one of {', '.join(names)}")
    return contexts[names.index(wanted)]


def from_pod(env: Mapping[str, str], account: Path = _ACCOUNT) -> Api:
    """Use the pod's service account; urllib3 alone, so that the guard's image holds no Kubernetes client."""
    host, port = env.get("KUBERNETES_SERVICE_HOST", ""), env.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (account / "token").is_file():
        raise StartError(f"--in-cluster: want a pod with a service account in {account}, found none")
    pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=str(account / "ca.crt"))

    def headers() -> Mapping[str, str]:
        # Read each time: the kubelet renews it.
        return {"Authorization": f"Bearer {(account / 'token').read_text().strip()}"}

    written = f"[{host}]" if ":" in host else host
    return Api(f"https://{written}:{port}", pool, headers, (account / "namespace").read_text().strip())


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split())
