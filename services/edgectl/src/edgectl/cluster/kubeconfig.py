"""A kubeconfig, held before the Kubernetes client reads it: that one trips over another shape, or warns and goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from edge_common.errors import StartError

_DEFAULT = "~/.kube/config"


class _Cluster(msgspec.Struct, frozen=True):
    server: str = ""


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: _Cluster = _Cluster()


class _Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str | None = None
    namespace: str | None = None


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: _Context = _Context()


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    # There are many ways to log in; the client knows them.
    user: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    contexts: list[_NamedContext] | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    current_context: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One context; `files` are those that KUBECONFIG names and that are there, as it names them."""

    files: str
    name: str
    namespace: str


def choose(env: Mapping[str, str], context: str = "") -> Chosen:
    """Return a context, the present one by default.

    Raises:
        StartError: no file, another shape, no such context, or a cluster without an address.
    """
    paths = _there(env.get("KUBECONFIG") or _DEFAULT)
    files, shown = [_read(path) for path in paths], os.pathsep.join(map(str, paths))
    # As kubectl: of two with one name, and of two present contexts, the first.
    contexts = {each.name: each.context for file in reversed(files) for each in reversed(file.contexts or [])}
    servers = {each.name: each.cluster.server for file in reversed(files) for each in reversed(file.clusters or [])}
    present = next((file.current_context for file in files if file.current_context), "")
    name = context or present
    if name not in contexts:
        key = f"--context {name}" if context else f"kubeconfig: {shown}: current-context {name!r}"
        raise StartError(f"{key}: want one of {', '.join(contexts) or 'its contexts, found none'}")
    chosen = contexts[name]
    _check_server(servers, chosen.cluster, f"kubeconfig: {shown}: cluster {chosen.cluster!r}")
    return Chosen(shown, name, chosen.namespace or "default")


def _there(named: str) -> Sequence[Path]:
    # Path.expanduser raises where there is no such user; this leaves the name as it is.
    expanded = [Path(os.path.expanduser(each)) for each in named.split(os.pathsep) if each]  # noqa: PTH111
    found = [path for path in expanded if path.exists()]
    if not found:
        raise StartError(f"kubeconfig: {named}: no such file; KUBECONFIG names another")
    return found


def _read(path: Path) -> _File:
    import yaml

    try:
        content = yaml.safe_load(path.read_bytes())
        if content is None:
            raise StartError(f"kubeconfig: {path}: is empty; want clusters, users and contexts")
        return msgspec.convert(content, _File)
    except yaml.YAMLError as exc:
        raise StartError(f"kubeconfig: {path}: no YAML: {_fault(exc)}") from None
    except (OSError, ValueError) as exc:
        # msgspec's ValidationError is a ValueError.
        raise StartError(f"kubeconfig: {path}: {' '.join(str(exc).split())}") from None


def _fault(exc: Exception) -> str:
    """Return where and what; YAML's own text calls the file a byte string."""
    import yaml

    if isinstance(exc, yaml.MarkedYAMLError) and exc.problem_mark:
        mark = exc.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {exc.problem}"
    return str(getattr(exc, "reason", exc))


def _check_server(servers: Mapping[str, str], cluster: str, where: str) -> None:
    if cluster not in servers:
        raise StartError(f"{where}: want one of {', '.join(servers) or 'its clusters, found none'}")
    if not _is_address(servers[cluster]):
        raise StartError(f"{where}: server {servers[cluster]!r}: want https://HOST:PORT")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
