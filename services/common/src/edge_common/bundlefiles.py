"""The files of a bundle: what goes into an image, and nothing that lies beside them."""

from __future__ import annotations

from pathlib import Path

from edge_common.bundle import MANIFEST, Bundle

CARD = "README.md"


def files(bundle: Bundle) -> list[Path]:
    """Return the files that model.toml names, itself and the model card, each relative to the bundle, sorted."""
    named = [bundle.directory / MANIFEST, bundle.model_path, *bundle.golden_files]
    if bundle.answer.labels:
        named.append(bundle.directory / bundle.answer.labels)
    card = bundle.directory / CARD
    return sorted({path.relative_to(bundle.directory) for path in [*named, *([card] if card.is_file() else [])]})
