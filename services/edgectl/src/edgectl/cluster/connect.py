"""Two ways to the API server: with an operator's kubeconfig, and from a pod with its service account."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    from kubernetes import client
    from kubernetes import config as untyped

    from edgectl.cluster.kubeconfig import choose

    config: Any = untyped
    chosen = choose(os.environ, context)
    where = f"kubeconfig: {chosen.files}: context {chosen.name}"
    settings = client.Configuration()
    with _told(where):
        config.load_kube_config(config_file=chosen.files, context=chosen.name, client_configuration=settings)
        pool = client.ApiClient(settings).rest_client.pool_manager
    renewing = threading.Lock()

    def headers() -> Mapping[str, str]:
        # One asks for a new token, the others find it.
        with renewing, _told(where):
            known: dict[str, Any] = dict(settings.auth_settings())
        return {each["key"]: each["value"] or "" for each in known.values()}

    return Api(settings.host.rstrip("/"), pool, headers, chosen.namespace, chosen.name)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn whatever the client trips over into one line.

    What a login plugin did wrong it only logs, to go on without credentials: an error here.
    """
    import yaml
    from kubernetes.client import ApiException
    from kubernetes.config.config_exception import ConfigException

    refused = (ConfigException, ApiException, urllib3.exceptions.HTTPError, yaml.YAMLError)
    # It trusts each login's keys to be of the type it expects.
    tripped = (OSError, ValueError, TypeError, AttributeError, LookupError)
    heard = _Errors()
    logging.getLogger().addHandler(heard)
    try:
        yield
    except (*refused, *tripped) as exc:
        raise StartError(f"{where}: {_line(str(exc))}") from None
    finally:
        logging.getLogger().removeHandler(heard)
    if heard.said:
        raise StartError(f"{where}: cannot log in: {_line(heard.said[0])}")


class _Errors(logging.Handler):
    """Hears what is logged by no logger's name, as the client does."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":
            self.said.append(record.getMessage())


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


def _line(text: str) -> str:
    return " ".join(text.split())
