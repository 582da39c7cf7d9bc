"""Where the limits of this process are written: its control groups, v1 and v2."""

from __future__ import annotations

from pathlib import Path


def groups(root: Path, controller: str) -> list[Path]:
    """Return the v1 groups of `controller` that this process is in, its own first, then those around it."""
    for controllers, path in _memberships(root):
        if controller in controllers.split(","):
            for mounted in (controller, controllers):
                mount = root / "sys/fs/cgroup" / mounted
                if mount.is_dir():
                    return _chain(mount, path)
    return []


def unified(root: Path) -> list[Path]:
    """Return the v2 groups that this process is in, its own first, then those around it."""
    for controllers, path in _memberships(root):
        mount = root / "sys/fs/cgroup"
        if controllers == "" and (mount / "cgroup.controllers").exists():
            return _chain(mount, path)
    return []


def read(path: Path) -> str:
    """Return the file's text, empty where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _memberships(root: Path) -> list[tuple[str, str]]:
    """(controllers, path) of /proc/self/cgroup; v2 has empty controllers."""
    lines = read(root / "proc/self/cgroup").splitlines()
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [(controllers, path) for _, controllers, path in parts]


def _chain(mount: Path, path: str) -> list[Path]:
    """The group's directory and all its parents up to the mount; just the mount inside a cgroup namespace."""
    inside = mount / path.strip("/")
    if not inside.is_dir() or ".." in Path(path).parts:
        return [mount]
    return [inside, *[p for p in inside.parents if p == mount or mount in p.parents]]
