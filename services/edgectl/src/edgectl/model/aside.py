"""Write aside, then rename: an interrupted or failed step leaves nothing half-written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgectl.model.errors import ModelError


@contextmanager
def written(path: Path, force: bool = False) -> Iterator[Path]:
    """Yield a path to write a file or a directory to, which then becomes `path` in one step.

    Whatever goes wrong meanwhile, Ctrl-C too, removes what was written and leaves `path` as it was. The yielded path
    has the same name and does not exist yet; it lies in a hidden directory beside `path`.

    Raises:
        ModelError: something is at `path` and not `force`, or the disk does not take it.
    """
    if path.exists() and not force:
        raise ModelError(f"{path}: want a new name to write to, found something there; --force replaces it")
    aside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield aside / path.name
        _replace(aside / path.name, path, aside / "old")
    except OSError as exc:
        raise ModelError(f"{path}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _replace(fresh: Path, path: Path, old: Path) -> None:
    if path.is_dir():
        path.rename(old)
    fresh.replace(path)
