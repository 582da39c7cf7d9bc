"""Boxes from a COCO file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgectl.model.data_coco import read_coco
from edgectl.model.errors import ModelError

IMAGES = [{"id": 7, "file_name": "train/a.jpg"}, {"id": 8, "file_name": "b.jpg"}]
CATEGORIES = [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}]
BOX = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 5, 6]}


def coco(path: Path, **parts: Any) -> Path:
    path.write_text(json.dumps({"images": IMAGES, "annotations": [BOX], "categories": CATEGORIES} | parts))
    return path


def test_boxes_become_corners_of_the_class_that_the_model_knows(tmp_path: Path) -> None:
    found = read_coco(coco(tmp_path / "c.json"), ["b.jpg", "sub/a.jpg"], ["bird", "dog", "cat"])
    assert found["boxes"].tolist() == [[[-1, -1, -1, -1]], [[10, 20, 15, 26]]]
    assert found["classes"].tolist() == [[-1], [1]]


def test_pictures_of_one_name_in_two_folders_keep_their_boxes(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a/1.jpg"}, {"id": 2, "file_name": "b/1.jpg"}]
    boxes = [BOX | {"image_id": 1, "bbox": [1, 1, 1, 1]}, BOX | {"image_id": 2, "bbox": [2, 2, 2, 2]}]
    found = read_coco(coco(tmp_path / "c.json", images=images, annotations=boxes), ["a/1.jpg", "b/1.jpg"], ())
    assert found["boxes"].tolist() == [[[1, 1, 2, 2]], [[2, 2, 4, 4]]]


@pytest.mark.parametrize(("files", "names"), [
    pytest.param(["a/1.jpg", "b/1.jpg"], ["1.jpg"], id="two-images-of-a-name"),
    pytest.param(["1.jpg"], ["a/1.jpg", "b/1.jpg"], id="two-pictures-of-a-name"),
    pytest.param(["1.jpg", "1.jpg"], ["1.jpg"], id="one-name-twice"),
])  # fmt: skip
def test_a_picture_that_could_be_several_is_refused(tmp_path: Path, files: list[str], names: list[str]) -> None:
    images = [{"id": i, "file_name": file} for i, file in enumerate(files)]
    with pytest.raises(ModelError, match=r"want one image for '.*1\.jpg', found '1\.jpg' for several"):
        read_coco(coco(tmp_path / "c.json", images=images, annotations=[]), names, ())


def test_without_names_classes_are_counted_in_the_order_of_ids(tmp_path: Path) -> None:
    assert read_coco(coco(tmp_path / "c.json"), ["a.jpg"], ())["classes"].tolist() == [[1]]


def test_crowds_are_left_out(tmp_path: Path) -> None:
    path = coco(tmp_path / "c.json", annotations=[BOX | {"iscrowd": 1}])
    assert read_coco(path, ["a.jpg"], ())["classes"].shape == (1, 0)


@pytest.mark.parametrize(("parts", "names", "classes", "wrong"), [
    pytest.param({}, ["c.jpg"], (), "want every picture among its images, found no 'c.jpg'", id="picture"),
    pytest.param({}, ["a.jpg"], ("cat",), "want categories of the labels ['cat'], found 'dog'", id="class"),
    pytest.param({"annotations": [BOX | {"category_id": 9}]}, ["a.jpg"], (), "found 9", id="category"),
    pytest.param({"annotations": [{"image_id": 7}]}, ["a.jpg"], (), "want a COCO file", id="another-file"),
])  # fmt: skip
def test_what_does_not_fit_is_named(
    tmp_path: Path, parts: dict[str, Any], names: list[str], classes: tuple[str, ...], wrong: str
) -> None:
    with pytest.raises(ModelError) as raised:
        read_coco(coco(tmp_path / "c.json", **parts), names, classes)
    assert wrong in str(raised.value)
