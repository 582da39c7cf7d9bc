"""What a model's pre- and post-processing are: the TOML file of `edgectl model prepare --declaration`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from edge_common.tomlfile import ConfigError, read_document, typed
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.spec import After
from edgectl.model.prepare.before.spec import Before


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[input] is what happens before the model, [output] what happens after it; at least one is there."""

    input: Before | None = None
    output: After | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a declaration of nothing."""
        if self.input is None and self.output is None:
            raise ValueError("want a table [input] or [output], found neither")


def read_declaration(path: Path) -> Declaration:
    """Return the file as a Declaration, whose own files are then named as seen from here.

    Raises:
        ModelError: unreadable, not TOML, an unknown key or a value that does not fit, in one line with file and key.
    """
    try:
        declaration = typed(path, read_document(path), Declaration)
    except ConfigError as exc:
        raise ModelError(str(exc)) from None
    if declaration.output is None:
        return declaration
    return replace(declaration, output=declaration.output.beside(path))


def declared(document: dict[str, Any]) -> Declaration:
    """Return what the options of the command line say; raise ModelError as `read_declaration` does."""
    try:
        return typed(Path("the options"), document, Declaration)
    except ConfigError as exc:
        raise ModelError(str(exc)) from None
