"""Write aside, then rename: an interrupted or failed step leaves nothing half-written, and nobody's files deleted."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from edgectl.deferred import deferred
from edgectl.model.errors import ModelError
from edgectl.model.ours import foreign, is_ours

Kind = Literal["file", "directory"]
# A name has at most 255 bytes; this much of it tells whose directory aside it is.
_PREFIX = 40


@contextmanager
def written(
    path: Path, force: bool = False, kind: Kind | None = None, *, reads: Iterable[Path | None] = ()
) -> Iterator[Path]:
    """Yield a path to write a file or a directory to, which then becomes `path` in one step.

    Whatever goes wrong meanwhile, Ctrl-C too, removes what was written and leaves `path` as it was. The yielded path
    has the same name and does not exist yet; it lies in a hidden directory beside `path`. Files in a directory that
    are not of edgectl's writing stay in it. `kind` and `reads` are as vacant() has them; without a `kind` what was
    written tells.

    Raises:
        ModelError: what vacant() says, or the disk does not take it.
    """
    vacant(path, force, kind, reads=reads)
    # A link to a directory stays one, and "." gets a name.
    path = path.resolve() if path.is_dir() else path
    aside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name[:_PREFIX]}.", dir=path.parent))
        yield aside / path.name
        _install(aside / path.name, path, aside / "old", force)
    except OSError as exc:
        raise ModelError(f"{path}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    finally:
        # Where not even the way back worked, what was there is there still.
        if aside is not None and (path.exists() or not (aside / "old").exists()):
            shutil.rmtree(aside, ignore_errors=True)


def vacant(
    path: Path, force: bool = False, kind: Kind | None = None, *, reads: Iterable[Path | None] = (), option: str = ""
) -> None:
    """Raise ModelError unless `path` may be written: nothing is there, or `force` and it is ours to replace.

    Of a directory that is one that edgectl wrote, or an empty one; of a file any, but no device. `kind` is what will be
    written, which must be what is there; `reads` are the files and directories that the step reads, which must be
    neither `path` nor in it. `option` is how the user named `path`, where that is not plain.
    """
    named = f"{option} {path}".strip()
    found = _found(path, named)
    if found is None:
        return
    if not force:
        raise ModelError(f"{named}: want a new name to write to, found something there; --force replaces it")
    if kind not in (None, found):
        raise ModelError(f"{named}: want a {kind} to replace, found a {found}; give another name")
    if found == "directory" and not is_ours(path):
        raise ModelError(
            f"{named}: want a directory that edgectl wrote, which --force replaces, found another; give a new name"
        )
    place = path.resolve()
    for read in filter(None, reads):
        if place in (read.resolve(), *read.resolve().parents):
            raise ModelError(f"{named}: want a place beside what is read, found {read} there; give another name")


def _found(path: Path, named: str) -> Kind | None:
    """Return what is at `path`; a link that leads nowhere is nothing."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise ModelError(f"{named:.300}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISREG(mode):
        return "file"
    raise ModelError(f"{named}: want a file or a directory to write, found a device or a pipe")


def _install(fresh: Path, path: Path, old: Path, force: bool) -> None:
    """Let `fresh` become `path`; what was there is back where that fails, and what is not ours stays in it."""
    if not fresh.exists():
        raise ModelError(f"{path}: want something written, found nothing; it is left as it was")
    # Once more: what stands there now may have come while the step ran.
    vacant(path, force, "directory" if fresh.is_dir() else "file")
    if not path.is_dir():
        fresh.replace(path)
        return
    _keep(path, fresh)
    with deferred():
        path.rename(old)
        try:
            fresh.replace(path)
        except BaseException:
            old.rename(path)
            raise


def _keep(path: Path, fresh: Path) -> None:
    """Put what is not ours in the directory `path` into `fresh` too, where nothing of that name is."""
    for name in foreign(path):
        was, there = path / name, fresh / name
        if there.exists() or there.is_symlink():
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        if was.is_symlink():
            there.symlink_to(was.readlink())
        elif was.is_dir():
            there.mkdir()
        else:
            _link(was, there)


def _link(was: Path, there: Path) -> None:
    """Links cost nothing where files are gigabytes; some file systems have none."""
    try:
        there.hardlink_to(was)
    except OSError:
        shutil.copy2(was, there)
