"""The configuration of a model's image: the runtime's, with one layer and the labels of model.Dockerfile."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from edge_common.bundle import Bundle
from edge_common.tomlfile import one_line
from edgectl.image.documents import Config, Settings
from edgectl.model.errors import ModelError

# Every image of a model is as old as the next: what was built when would give another digest each day.
WHEN = "1970-01-01T00:00:00Z"
_TITLE = "org.opencontainers.image.title"
# What inference.Dockerfile sets, and where the layer puts the bundle.
_SETTING = "EDGE_MODEL=/model"
_BY = "edgectl image build"


def labels(bundle: Bundle) -> dict[str, str]:
    """Return the labels of model.Dockerfile. The revision is emptied: the runtime's is not the bundle's."""
    return {
        "org.opencontainers.image.description": "edge-inference with one model",
        "org.opencontainers.image.revision": "",
        _TITLE: f"edge-model-{bundle.name}",
        "org.opencontainers.image.version": bundle.version,
    }


def check_runtime(where: str, config: Config) -> None:
    """Raise ModelError unless it is the configuration of a runtime without a model."""
    settings = config.config or Settings()
    if _SETTING not in (settings.env or ()):
        raise ModelError(
            f"--runtime {where}: want an edge-inference image, found one without {_SETTING} in its environment"
        )
    title = one_line((settings.labels or {}).get(_TITLE, ""))
    if title.startswith("edge-model-"):
        raise ModelError(
            f"--runtime {where}: want the runtime alone, found {title:.100}, whose files would show through"
        )


def extended(config: Mapping[str, Any], bundle: Bundle, diff_id: str) -> dict[str, Any]:
    """Return `config` with the bundle's layer; environment, user, ports and entry point stay the runtime's.

    Nothing in it tells where the runtime came from: that would give the same image another digest.
    """
    made = copy.deepcopy(dict(config))
    made["created"] = WHEN
    own = made.setdefault("config", {})
    own["Labels"] = dict(sorted({**(own.get("Labels") or {}), **labels(bundle)}.items()))
    below = made.get("rootfs") or {"type": "layers"}
    made["rootfs"] = {**below, "diff_ids": [*(below.get("diff_ids") or ()), diff_id]}
    made["history"] = [*(made.get("history") or ()), *_history(bundle)]
    return made


def _history(bundle: Bundle) -> list[dict[str, Any]]:
    """Return what `docker history` shows; only the first of the two is a layer."""
    told = " ".join(f'{key}="{value}"' for key, value in labels(bundle).items())
    return [
        {"created": WHEN, "created_by": f"{_BY}: COPY {bundle.name} {bundle.version} in /model"},
        {"created": WHEN, "created_by": f"{_BY}: LABEL {told}", "empty_layer": True},
    ]
