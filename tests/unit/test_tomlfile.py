"""A fault in a TOML file is one line that names file, key, wanted and found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from edge_common.tomlfile import ConfigError, read_bytes, read_toml


class Pump(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern="^[a-z]+$", description="lower-case letters")]
    rate: Annotated[float, Meta(gt=0, le=100)] = 1.0
    ports: list[Annotated[int, Meta(ge=1)]] = []
    kind: Literal["fast", "slow"] = "fast"
    limit: float | None = None
    tags: dict[str, str] = {}
    on: bool = True

    def __post_init__(self) -> None:
        if self.name == "reserved":
            raise ValueError("name: want another one, found 'reserved'")


class Plant(Struct, frozen=True, forbid_unknown_fields=True):
    pump: list[Pump]
    main: Pump | None = None


def _write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "plant.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_reads_typed_values_and_ignores_a_byte_order_mark(tmp_path: Path) -> None:
    text = '[[pump]]\nname = "a"\nrate = 2\nlimit = 3.5\n[pump.tags]\nx = "y"\n'
    plant = read_toml(_write(tmp_path, b"\xef\xbb\xbf" + text.encode()), Plant)
    assert plant == Plant(pump=[Pump(name="a", rate=2.0, limit=3.5, tags={"x": "y"})])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("pump = [\n", "not valid TOML: Invalid value (at end of document)", id="not-toml"),
        pytest.param("pump = 1\npump = 2\n", "not valid TOML: Cannot overwrite a value (at line 2", id="twice"),
        pytest.param("a = " + "[" * 5000, "not valid TOML: nested too deeply", id="deep"),
        pytest.param("a = " + "9" * 5000, "not valid TOML: ", id="long-number"),
        pytest.param(b"a = '\xff'", "not valid TOML: 'utf-8' codec", id="not-utf8"),
        pytest.param("", "pump: required, but not there", id="missing"),
        pytest.param("[[pump]]", "pump[0].name: required, but not there", id="missing-inside"),
        pytest.param("pump = 3", "pump: want a list, found 3", id="wrong-kind"),
        pytest.param("pump = [3]", "pump[0]: want a table, found 3", id="wrong-kind-inside"),
        pytest.param("[[pump]]\nname = 5", "pump[0].name: want lower-case letters, found 5", id="description-kind"),
        pytest.param('[[pump]]\nname = "A"', "pump[0].name: want lower-case letters, found 'A'", id="description"),
        pytest.param("[[pump]]\nname='a'\nrate=0", "pump[0].rate: want a number > 0.0, found 0", id="too-small"),
        pytest.param("[[pump]]\nname='a'\nrate='5'", "pump[0].rate: want a number, found '5'", id="text-for-number"),
        pytest.param("[[pump]]\nname='a'\nrate=true", "pump[0].rate: want a number, found True", id="bool-for-number"),
        pytest.param("[[pump]]\nname='a'\nrate=nan", "pump[0].rate: want a number > 0.0, found nan", id="nan"),
        pytest.param("[[pump]]\nname='a'\nrate=inf", "pump[0].rate: want a number <= 100.0, found inf", id="inf"),
        pytest.param("[[pump]]\nname='a'\nlimit='x'", "pump[0].limit: want a number, found 'x'", id="optional"),
        pytest.param("[[pump]]\nname='a'\non=1", "pump[0].on: want true or false, found 1", id="bool"),
        pytest.param(
            "[[pump]]\nname='a'\nports=[1,0]", "pump[0].ports[1]: want a whole number >= 1, found 0", id="item"
        ),
        pytest.param("[[pump]]\nname='a'\nkind='x'", "pump[0].kind: want 'fast' or 'slow', found 'x'", id="choice"),
        pytest.param("[[pump]]\nname='a'\ntags={a=1}", "pump[0].tags[...]: want a string, found {'a': 1}", id="table"),
        pytest.param("[[pump]]\nname='a'\nrat=1", "pump[0].rat: unknown key; did you mean 'rate'?", id="typo"),
        pytest.param("[[pump]]\nname='a'\nqq=1", "pump[0].qq: unknown key; want name, rate, ports", id="unknown"),
        pytest.param(
            "pump=[]\n[main]\nname='a'\nrat=1", "main.rat: unknown key; did you mean 'rate'?", id="in-optional"
        ),
        pytest.param('pump=[]\n"a\\nb\\u001b" = 1', "a\\nb\\x1b: unknown key", id="control-characters"),
        pytest.param("[[pump]]\nname='reserved'", "pump[0].name: want another one, found 'reserved'", id="own-check"),
    ],
)
def test_fault(tmp_path: Path, text: str | bytes, wanted: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError) as fault:
        read_toml(path, Plant)
    message = str(fault.value)
    assert message.startswith(f"{path}: {wanted}")
    assert message.isprintable()


def test_no_such_file_a_directory_and_too_large(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "none.toml", "no such file or directory"),
        (tmp_path, "is a directory"),
        (_write(tmp_path, "#" * 101), "want at most 100 bytes, found more"),
    ]:
        with pytest.raises(ConfigError) as fault:
            read_bytes(path, 100)
        assert str(fault.value) == f"{path}: {words}"
    assert read_bytes(_write(tmp_path, "#" * 100), 100) == b"#" * 100


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_a_plant_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = _write(tmp_path_factory.getbasetemp(), content)
    try:
        read_toml(path, Plant)
    except ConfigError as exc:
        assert str(exc).isprintable()
