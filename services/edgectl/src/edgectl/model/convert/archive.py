"""Zip archives that models come in, damaged ones among them."""

from __future__ import annotations

import struct
import zipfile
import zlib

# What zipfile raises at them: RuntimeError is of passwords and of compressions that it does not know.
DAMAGED = (OSError, EOFError, RuntimeError, ValueError, KeyError, struct.error, zlib.error, zipfile.BadZipFile)
