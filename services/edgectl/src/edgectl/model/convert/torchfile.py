"""What a .pt2 holds besides its graph: a pickle in it would run when it is loaded."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from edgectl.model.convert.archive import DAMAGED
from edgectl.model.errors import ModelError

# Of the configuration of weights; a model of a hundred thousand tensors takes this.
_MAX_CONFIG_BYTES = 64 * 1024 * 1024
# How torch.export names what is a tensor; other constants are objects, which are unpickled.
_TENSOR = "tensor_"


def refuse_pickles(source: str, trust: bool) -> None:
    """Raise ModelError, which names them, for weights or constants of the .pt2 that are pickled, unless `trust`."""
    if trust:
        return
    try:
        found = list(_pickled(source))
    except (*DAMAGED, AttributeError, TypeError) as exc:
        raise ModelError(f"{source}: want an exported program, found a damaged one: {exc}") from None
    if found:
        raise ModelError(
            f"{source}: want weights that are plain tensors, found {', '.join(found[:3])} pickled, and unpickling runs "
            "code; --trust loads it when you know who made the file"
        )


def _pickled(source: str) -> Iterator[str]:
    with zipfile.ZipFile(source) as archive:
        names = archive.namelist()
        for name in names:
            if name.endswith(("_weights_config.json", "_constants_config.json")):
                yield from _of_config(archive, name)
        # The format before 2.9 pickles them all.
        yield from (name for name in names if name.endswith((".pt", ".pkl")) and "sample_inputs" not in name)


def _of_config(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    if archive.getinfo(name).file_size > _MAX_CONFIG_BYTES:
        raise ValueError(f"{name} is over {_MAX_CONFIG_BYTES} bytes")
    config: dict[str, dict[str, Any]] = json.loads(archive.read(name))["config"]
    for key, entry in config.items():
        constant = "constants" in name and not str(entry.get("path_name", "")).startswith(_TENSOR)
        if entry.get("use_pickle") or constant:
            yield f"'{key}'"
