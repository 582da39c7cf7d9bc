"""A bundle with another graph: everything else as it was, the manifest naming the new file's hash and machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_common.bundle import MANIFEST, Bundle, manifest_dict, sha256_of
from edge_common.manifest import File, Manifest
from edge_common.tomlfile import read_toml


def copy_with_graph(bundle: Bundle, graph: Path, out: Path) -> None:
    """Write to the new directory `out` the files that the manifest of `bundle` names, with `graph` as its graph.

    Golden samples stay as recorded from the graph before: they hold the new one to its answers.
    """
    import msgspec
    import tomli_w

    from edgectl.bundle.graph import target_in

    manifest = read_toml(bundle.directory / MANIFEST, Manifest)
    beside = [name for name in (manifest.answer.labels, *manifest.golden.files) if name]
    for name in (*beside, *_pages(bundle.directory)):
        _copy(bundle.directory / name, out / name)
    _copy(graph, out / manifest.file.path)
    file = File(path=manifest.file.path, sha256=sha256_of(graph), target=target_in(graph))
    changed = msgspec.structs.replace(manifest, file=file)
    (out / MANIFEST).write_text(tomli_w.dumps(manifest_dict(changed)), encoding="utf-8")


def _pages(directory: Path) -> list[str]:
    """The model card, which no manifest names; scripts and data beside the bundle are not copied."""
    return [path.name for path in directory.glob("*.md")]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
