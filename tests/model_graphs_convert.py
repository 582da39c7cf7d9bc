"""Files that look like models, for tests of conversion."""

from __future__ import annotations

import io
import zipfile


def zipped(**files: str) -> bytes:
    """Return a zip archive; in a name, `__` stands for `/` and `_dot_` for `.`."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return memory.getvalue()
