"""Write docs/settings.md from the services' own settings: `python docs/make_settings.py`."""

from __future__ import annotations

from pathlib import Path

from edge_camera.settings import Settings as CameraSettings
from edge_common.settings import settings_table
from edge_inference.settings import Settings as InferenceSettings

PAGE = Path(__file__).with_name("settings.md")

_HEAD = """# Settings

<!-- Made by docs/make_settings.py from the settings classes; a test fails when it differs. Do not edit. -->

A flag wins over its variable, which wins over the default. An unknown `EDGE_*` variable or a value out of range stops
the start with one line and exit code 2. A default of `None` means: not set. Where `0` means "measured" or "any free
one", the text says so.
"""


def render() -> str:
    """Return the whole page."""
    inference, camera = settings_table(InferenceSettings), settings_table(CameraSettings)
    return f"{_HEAD}\n## edge-inference\n\n{inference}\n## edge-camera\n\n{camera}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
