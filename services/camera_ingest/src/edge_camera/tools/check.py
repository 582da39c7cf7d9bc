"""`edge-camera check CONFIG`: what a start would refuse in settings and config, without a start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edge_camera.config import read_config
from edge_camera.settings import Settings
from edge_camera.tools.parser import CommandParser
from edge_common.settings import add_flags, load_settings


def run(argv: Sequence[str]) -> int:
    """Print one line on stdout when all is well.

    Raises:
        StartError: the first fault of the settings or of the config.
    """
    options = vars(_parser().parse_args(argv))
    path: Path = options.pop("config")
    load_settings(Settings, os.environ, options)
    cameras = read_config(path).camera
    print(f"ok: config of {len(cameras)} camera{'' if len(cameras) == 1 else 's'}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "check",
        "Read settings (flags and EDGE_* variables) and a config file as a start would, with the files of secrets\n"
        "that it names. No camera, clip, broker or inference service is opened.",
        "examples:  edge-camera check cameras.toml",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="config file (TOML)")
    add_flags(parser, Settings)
    return parser
