"""The files of a bundle: what goes into an image, and nothing that lies beside them."""

from __future__ import annotations

from pathlib import Path

from edge_common.bundle import MANIFEST, Bundle, BundleError

CARD = "README.md"


def files(bundle: Bundle) -> list[Path]:
    """Return the files that model.toml names, itself and the model card, each relative to the bundle, sorted.

    Raises:
        BundleError: one is, or lies behind, a link: an image would carry what that leads to on this machine.
    """
    named = [bundle.directory / MANIFEST, bundle.model_path, *bundle.golden_files]
    if bundle.answer.labels:
        named.append(bundle.directory / bundle.answer.labels)
    card = bundle.directory / CARD
    if card.is_file() or card.is_symlink():
        named.append(card)
    return sorted({_own(bundle.directory, path.relative_to(bundle.directory)) for path in named})


def _own(directory: Path, name: Path) -> Path:
    own = directory.resolve() / name
    try:
        same = own.resolve() == own
    except (OSError, RuntimeError):
        # A link that leads to itself.
        same = False
    if not same:
        raise BundleError(
            f"{directory / name}: want a file of the bundle to pack, found a link, or a way around by '..'; "
            "put the file itself there"
        )
    return name
