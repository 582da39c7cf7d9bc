"""`edge-camera check CONFIG`: what a start would refuse in settings and config, without a start."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from edge_camera.config import Inference, read_config
from edge_camera.settings import Settings
from edge_camera.tools.parser import CommandParser
from edge_common.errors import StartError
from edge_common.settings import add_flags, load_settings


def run(argv: Sequence[str]) -> int:
    """Print one line on stdout when all is well, after a line for each model that could not be asked.

    Raises:
        StartError: the first fault of the settings, of the files it needs, of the config or of its model.
    """
    options = vars(_parser().parse_args(argv))
    path: Path = options.pop("config")
    ask: bool = options.pop("ask_model")
    needs: list[tuple[Path, str]] = options.pop("needs")
    load_settings(Settings, os.environ, options)
    _find(needs)
    config = read_config(path)
    if ask:
        _ask_model(config.inference)
    print(f"ok: config of {len(config.camera)} camera{'' if len(config.camera) == 1 else 's'}")
    return 0


def _find(needs: Sequence[tuple[Path, str]]) -> None:
    missing = [what for path, what in needs if not path.is_file()]
    if missing:
        raise StartError(f"missing: {'; '.join(missing)}")


def _ask_model(inference: Inference) -> None:
    # Imported here: a check that asks nobody waits for no HTTP library.
    from edge_camera.tools.models import ask_models

    for line in ask_models(inference):
        print(f"warning: {line}")


def _need(text: str) -> tuple[Path, str]:
    path, separator, what = text.partition("=")
    if not (path and separator and what):
        raise argparse.ArgumentTypeError(f"want FILE=WHAT, found {text!r}")
    return Path(path), what


def _parser() -> CommandParser:
    parser = CommandParser(
        "check",
        "Read settings (flags and EDGE_* variables) and a config file as a start would, with the files of secrets\n"
        "that it names. No camera, clip or broker is opened, and the inference service only with --ask-model.",
        "examples:  edge-camera check cameras.toml\n           edge-camera check cameras.toml --ask-model",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="config file (TOML)")
    parser.add_argument(
        "--ask-model",
        action="store_true",
        help="ask the inference service whether it has the model: a fault when it has not, a warning when it is away",
    )
    parser.add_argument(
        "--needs",
        metavar="FILE=WHAT",
        type=_need,
        action="append",
        default=[],
        help="a file that has to be there, and what to say of it when it is not; may be given again",
    )
    add_flags(parser, Settings)
    return parser
