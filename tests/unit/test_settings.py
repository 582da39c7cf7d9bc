"""Settings: a typo or a bad value stops the start with one line; a flag beats the environment beats the default."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from edge_common.settings import (
    SettingsError,
    add_flags,
    choice,
    env_name,
    flag,
    load_settings,
    number,
    path_or_none,
    setting,
    settings_table,
    whole,
)
from edge_inference.settings import Settings


@dataclass(frozen=True, slots=True)
class Small:
    """One setting of each kind."""

    model: Path = setting(Path, help="what to serve")
    port: int = setting(whole(0, 65535), 8080, help="where")
    share: float = setting(number(0, 1), 0.5, help="100 % is 1")
    level: str = setting(choice("info", "debug"), "info", help="how much")
    budget: bool = setting(flag, True, help="whether")
    cache_dir: Path | None = setting(path_or_none, None, help="where to keep")


BASE = {"EDGE_MODEL": "m"}


def test_defaults() -> None:
    assert load_settings(Small, BASE) == Small(Path("m"), 8080, 0.5, "info", True, None)


def test_a_flag_beats_the_environment_which_beats_the_default() -> None:
    env = BASE | {"EDGE_PORT": "1", "EDGE_SHARE": "0.25"}
    found = load_settings(Small, env, {"port": "2", "share": None})
    assert (found.port, found.share, found.level) == (2, 0.25, "info")


def test_a_bad_variable_is_not_looked_at_when_a_flag_overrides_it() -> None:
    assert load_settings(Small, BASE | {"EDGE_PORT": "x"}, {"port": "2"}).port == 2


def test_variables_of_others_are_ignored() -> None:
    assert load_settings(Small, BASE | {"PATH": "/bin", "EDGEPORT": "x", "edge_port": "1"}).port == 8080


def test_a_typo_stops_the_start() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Small, BASE | {"EDGE_PROT": "1", "EDGE_A": ""})
    assert "['EDGE_A', 'EDGE_PROT']" in str(caught.value) and "--help" in str(caught.value)


def test_a_required_setting_is_asked_for_by_both_names() -> None:
    with pytest.raises(SettingsError, match=r"--model \(or EDGE_MODEL\) is required"):
        load_settings(Small, {})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("port", "-1", "must be from 0 to 65535"),
        ("port", "65536", "must be from 0 to 65535"),
        ("port", "80.0", "must be a whole number"),
        ("port", "", "must be a whole number"),
        ("port", "9" * 5000, "must be"),
        ("share", "1.01", "must be from 0 to 1"),
        ("share", "nan", "must be from 0 to 1"),
        ("share", "-inf", "must be from 0 to 1"),
        ("share", "half", "must be a number"),
        ("level", "loud", "must be one of info, debug"),
        ("budget", "maybe", "must be true or false"),
    ],
)
def test_a_bad_value_names_where_it_stood(name: str, value: str, wanted: str) -> None:
    for env, flags, place in (
        (BASE | {f"EDGE_{name.upper()}": value}, {}, f"EDGE_{name.upper()}="),
        (BASE, {name: value}, f"--{name}="),
    ):
        with pytest.raises(SettingsError) as caught:
            load_settings(Small, env, flags)
        assert str(caught.value).startswith(place) and wanted in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("YES", True), ("on", True), ("False", False), ("0", False)])
def test_flags_are_read_in_any_case(text: str, value: bool) -> None:
    assert load_settings(Small, BASE | {"EDGE_BUDGET": text}).budget is value


def test_an_empty_path_is_unset_and_a_choice_ignores_case() -> None:
    found = load_settings(Small, BASE | {"EDGE_CACHE_DIR": "", "EDGE_LEVEL": "DEBUG"})
    assert found.cache_dir is None and found.level == "debug"


def test_every_setting_is_a_flag_that_help_explains() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Small)
    text = parser.format_help()
    assert all(env_name(field) in text for field in fields(Small)) and "100 % is 1" in text
    assert vars(parser.parse_args(["--cache-dir", "x"])) == dict.fromkeys(
        ("model", "port", "share", "level", "budget")
    ) | {"cache_dir": "x"}


def test_the_table_of_the_docs() -> None:
    rows = settings_table(Small).splitlines()
    assert rows[0].startswith("| variable | flag | default |") and len(rows) == 2 + len(fields(Small))
    assert rows[2] == "| `EDGE_MODEL` | `--model` | required | what to serve |"
    assert rows[3] == "| `EDGE_PORT` | `--port` | `8080` | where |"


@pytest.mark.parametrize("field", [f for f in fields(Settings) if f.name != "model"], ids=lambda field: field.name)
def test_every_default_of_the_service_is_within_its_own_bounds(field: object) -> None:
    name, default = field.name, field.default  # type: ignore[attr-defined]
    parse = field.metadata["parse"]  # type: ignore[attr-defined]
    assert parse("" if default is None else str(default)) == default, name
