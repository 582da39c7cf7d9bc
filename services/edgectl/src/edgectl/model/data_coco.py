"""Boxes and classes of pictures from a COCO file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from msgspec import Struct

from edge_common.tensors import Array
from edge_common.tomlfile import one_line, read_bytes
from edgectl.model.errors import ModelError

# COCO's own instances_train2017.json, polygons and all, has 450 MB.
MAX_COCO_BYTES = 512 * 1024 * 1024


class _Image(Struct):
    id: int
    file_name: str


class _Category(Struct):
    id: int
    name: str


class _Annotation(Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Coco(Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_coco(path: Path, names: Sequence[str], classes: Sequence[str]) -> dict[str, Array]:
    """Return `boxes` FP64 [samples, most, 4] (x1 y1 x2 y2) and `classes` [samples, most] of the pictures `names`.

    Rows that a picture does not need are -1; crowds are left out.

    Raises:
        ModelError: no such file, a picture that is not in it or could be several, or a category that `classes` lacks.
    """
    coco = _read(path)
    index = _indexes(path, coco.categories, classes)
    places = _places(path, coco.images, names)
    rows: dict[int, list[tuple[int, tuple[float, ...]]]] = defaultdict(list)
    for each in coco.annotations:
        if each.category_id not in index:
            raise ModelError(f"--labels {path}: want category_id of the categories, found {each.category_id}")
        if not each.iscrowd:
            x, y, w, h = each.bbox
            rows[each.image_id].append((index[each.category_id], (x, y, x + w, y + h)))
    return _padded([rows[place] for place in places])


def _places(path: Path, images: Sequence[_Image], names: Sequence[str]) -> list[int]:
    """Return the id of each picture in `names`: by its whole name, else by its file's where that is one picture's.

    Data sets have 000001.jpg in every folder, and others name no folder at all.
    """
    whole, files = _by(str, images), _by(_file, images)
    ours = Counter(map(_file, names))
    found = []
    for name in names:
        file = _file(name)
        ids = whole.get(name) or files.get(file)
        if not ids:
            raise ModelError(f"--labels {path}: want every picture among its images, found no {file!r}")
        if len(ids) > 1 or (name not in whole and ours[file] > 1):
            raise ModelError(
                f"--labels {path}: want one image for {name!r}, found {file!r} for several; "
                "give each its file_name as the folder has it"
            )
        found.append(ids[0])
    return found


def _file(name: str) -> str:
    return PurePosixPath(name).name


def _by(key: Callable[[str], str], images: Sequence[_Image]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for image in images:
        found[key(image.file_name)].append(image.id)
    return found


def _read(path: Path) -> _Coco:
    try:
        return msgspec.json.decode(read_bytes(path, MAX_COCO_BYTES), type=_Coco)
    except msgspec.DecodeError as exc:
        raise ModelError(f"--labels {path}: want a COCO file, found: {one_line(str(exc))}") from None


def _indexes(path: Path, categories: Sequence[_Category], classes: Sequence[str]) -> dict[int, int]:
    """Return category id -> the class's number; without names of the classes, that of the categories in order of id."""
    known = list(classes) or [each.name for each in sorted(categories, key=lambda each: each.id)]
    for each in categories:
        if each.name not in known:
            raise ModelError(f"--labels {path}: want categories of the labels {known[:10]}, found {each.name!r:.60}")
    return {each.id: known.index(each.name) for each in categories}


def _padded(found: Sequence[Sequence[tuple[int, tuple[float, ...]]]]) -> dict[str, Array]:
    most = max(map(len, found), default=0)
    classes, boxes = np.full((len(found), most), -1, np.int64), np.full((len(found), most, 4), -1.0)
    for i, rows in enumerate(found):
        for j, (number, box) in enumerate(rows):
            classes[i, j], boxes[i, j] = number, box
    return {"boxes": boxes, "classes": classes}
