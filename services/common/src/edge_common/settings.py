"""Settings as typed data: one dataclass gives the flags, the environment variables and their docs.

A flag wins over its `EDGE_*` variable, which wins over the default. An unknown `EDGE_*` variable or a
value outside its range stops the start.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edge_common.errors import StartError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    S = TypeVar("S", bound=DataclassInstance)

PREFIX = "EDGE_"


class SettingsError(StartError):
    """A setting that cannot be used; the text names it, the value and what was wanted."""


def setting(parse: Callable[[str], Any], default: Any = MISSING, *, help: str) -> Any:
    """Declare one setting: how its text is read, its default, and the line that documents it."""
    return dataclasses.field(default=default, metadata={"parse": parse, "help": help})


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"must be a whole number from {low} to {high}") from None
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A number from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"must be a number from {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return value

    return parse


def choice(*words: str) -> Callable[[str], str]:
    """One of `words`, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text.lower()

    return parse


def flag(text: str) -> bool:
    """true or false (also 1/0, yes/no, on/off)."""
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("must be true or false")


def path_or_none(text: str) -> Path | None:
    """A path; empty means unset."""
    return Path(text) if text else None


port_number = whole(0, 65535)


def env_name(field: Field[Any]) -> str:
    return PREFIX + field.name.upper()


def _flag_name(field: Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")


def add_flags(parser: argparse.ArgumentParser, cls: type[DataclassInstance]) -> None:
    """Add one `--flag` a setting; values stay text here and are parsed by `load_settings`."""
    for field in dataclasses.fields(cls):
        shown = "" if field.default in (MISSING, None, "") else f" (default {field.default})"
        parser.add_argument(
            _flag_name(field),
            dest=field.name,
            metavar="X",
            default=None,
            help=f"{field.metadata['help']}{shown} [{env_name(field)}]".replace("%", "%%"),
        )


def load_settings(cls: type[S], env: Mapping[str, str], overrides: Mapping[str, str | None] | None = None) -> S:
    """Return `cls` filled from flags, then environment, then defaults.

    Raises:
        SettingsError: an unknown EDGE_* variable, a missing setting, or a value out of range.
    """
    fields = dataclasses.fields(cls)
    unknown = sorted(k for k in env if k.startswith(PREFIX) and k not in {env_name(f) for f in fields})
    if unknown:
        raise SettingsError(f"unknown settings: {unknown}; `--help` lists those that exist")
    flags = {k: v for k, v in (overrides or {}).items() if v is not None}
    return cls(**{f.name: _value(f, env, flags) for f in fields})


def _value(field: Field[Any], env: Mapping[str, str], flags: Mapping[str, str]) -> Any:
    name, text = _flag_name(field), flags.get(field.name)
    if text is None:
        name, text = env_name(field), env.get(env_name(field))
    if text is None:
        if field.default is MISSING:
            raise SettingsError(f"{_flag_name(field)} (or {env_name(field)}) is required")
        return field.default
    try:
        return field.metadata["parse"](text)
    except ValueError as exc:
        raise SettingsError(f"{name}={text!r}: {exc}") from None


def settings_table(cls: type[DataclassInstance]) -> str:
    """Return the Markdown table of docs/settings.md."""
    rows = ["| variable | flag | default | what it does |", "|---|---|---|---|"]
    for field in dataclasses.fields(cls):
        default = "required" if field.default is MISSING else f"`{field.default}`" if field.default != "" else ""
        rows.append(f"| `{env_name(field)}` | `{_flag_name(field)}` | {default} | {field.metadata['help']} |")
    return "\n".join(rows) + "\n"
