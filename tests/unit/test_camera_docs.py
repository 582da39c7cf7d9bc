"""docs/camera.md: what it tells people to write works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge_camera.config import Camera, Config, Inference, Sinks, read_config
from edge_camera.sinks.secrets import bearer_token, key_bytes, user_password
from edge_camera.sinks.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature_headers
from sink_support import make_certificates

PAGE = (Path(__file__).parents[2] / "docs/camera.md").read_text(encoding="utf-8")
SIMPLE, FULL = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# Left out of the full example, or there with the value they have anyway.
DEFAULTS = {
    Config: [],
    Inference: ["max_in_flight"],
    Camera: ["fps", "max_side", "keepalive_s", "loop", "speed", "adaptive"],
    Sinks: ["stdout"],
}
SECRETS = {"credentials": "user:password\n", "token": "a-token\n", "signing_key": "k" * 32 + "\n"}


def _read(text: str, folder: Path) -> Config:
    """Read a config of the page, with the files it names in `folder`."""
    authority = make_certificates(folder).ca.read_text()
    for key, name in re.findall(r'\b(\w+) = "(/(?:etc|run|var)/[^"]+)"', text):
        path = folder / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        if key not in {"path", "url"}:
            path.write_text({**SECRETS, "ca": authority}[key])
    config = folder / "cameras.toml"
    config.write_text(re.sub(r'"/(etc|run|var)/', rf'"{folder}/\1/', text))
    return read_config(config)


@pytest.mark.parametrize("text", [SIMPLE, FULL], ids=["simple", "full"])
def test_the_examples_are_configs(tmp_path: Path, text: str) -> None:
    assert _read(text, tmp_path).camera[0].name == "dock-3"


def test_the_full_example_has_every_table(tmp_path: Path) -> None:
    config = _read(FULL, tmp_path)
    for part in (config, config.inference, config.camera[0], config.sinks):
        fields = msgspec.structs.fields(part)
        assert [one.name for one in fields if getattr(part, one.name) == one.default] == DEFAULTS[type(part)]
    (alert,) = config.alert.values()
    assert (alert.hours, alert.snapshot) == ("22:00-05:00", True)


def _vector() -> dict[str, str]:
    block = re.search(r"^```\n(key  .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    return dict(line.split(maxsplit=1) for line in block[1].splitlines())


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\r\n\r\r"], ids=["none", "lf", "crlf", "many"])
def test_the_signature_to_try_a_receiver_with(tmp_path: Path, end: str) -> None:
    vector = _vector()
    file = tmp_path / "key"
    file.write_bytes(f"{vector['key']}{end}".encode())
    headers = signature_headers(key_bytes(str(file)), int(vector["timestamp"]), vector["body"].encode())
    assert headers == {TIMESTAMP_HEADER: vector["timestamp"], SIGNATURE_HEADER: vector["signature"]}


@pytest.mark.parametrize(
    ("read", "text", "want"),
    [
        pytest.param(key_bytes, " 0123456789abcdef \t", b" 0123456789abcdef \t", id="key"),
        pytest.param(key_bytes, "\r\n0123456789abcdef", b"\r\n0123456789abcdef", id="key-begins-with-it"),
        pytest.param(user_password, "user:pass: word ", ("user", "pass: word "), id="credentials"),
        pytest.param(bearer_token, "a-token==", "a-token==", id="token"),
    ],
)
def test_only_line_ends_at_the_end_of_a_secret_are_left_out(
    tmp_path: Path, read: Callable[[str], object], text: str, want: object
) -> None:
    file = tmp_path / "secret"
    for end in ("", "\n", "\r\n", "\r", "\n\n\r\n"):
        file.write_bytes((text + end).encode())
        assert read(str(file)) == want


def test_a_token_with_a_space_at_its_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"a-token \n")
    with pytest.raises(OSError, match="want one bearer token"):
        bearer_token(str(tmp_path / "token"))
