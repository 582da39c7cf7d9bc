"""Samples from files: what is read, what is refused and how it is said."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_common.errors import StartError
from edge_common.tensors import Array, TensorSpec
from edgectl.model.data import generated, read_feeds
from edgectl.model.data_labels import labelled
from edgectl.model.errors import ModelError

X = (TensorSpec("x", "FP32", (-1, 2)),)
IMAGE = (TensorSpec("image", "UINT8", (1, -1, -1, 3)),)


def npz(path: Path, **arrays: Array) -> Path:
    np.savez(path, allow_pickle=False, **arrays)
    return path


def dotted(path: Path, arrays: dict[str, Array]) -> Path:
    return npz(path, **arrays)


def rows(count: int) -> Array:
    return np.arange(count * 2, dtype=np.float32).reshape(count, 2)


def test_each_row_is_a_sample_with_its_batch_axis(tmp_path: Path) -> None:
    found = read_feeds(npz(tmp_path / "a.npz", x=rows(3), labels=np.array([0, 1, 1])), X)
    assert [feed["x"].tolist() for feed in found.feeds] == [[[0, 1]], [[2, 3]], [[4, 5]]]
    assert found.labels is not None and found.labels["label"].tolist() == [0, 1, 1]
    assert found.names == ["a.npz[0]", "a.npz[1]", "a.npz[2]"] and found.wide is None


def test_noise_is_made_when_it_is_asked_for() -> None:
    """Fifteen thousand pictures would be gigabytes; only those that are looked at are made, the same each time."""
    tracemalloc.start()
    found = generated(IMAGE, 15_000, 3)
    last, other = found.feeds[-1]["image"], found.feeds[14_999]["image"]
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()
    assert (last == other).all() and last.shape == (1, 97, 131, 3) and found.names[-1] == "noise 15002"
    assert len(found.feeds[10:20]) == 10 and (found.feeds[10:20][0]["image"] == found.feeds[10]["image"]).all()


def test_noise_has_a_colour_by_turns() -> None:
    """Grey noise does not tell red from blue once a network takes the mean."""
    strongest = [generated(IMAGE, 9, 0).feeds[i]["image"].mean((0, 1, 2)).argmax() for i in (0, 3, 6)]
    assert sorted(strongest) == [0, 1, 2]


def test_more_than_the_limit_are_taken_evenly_with_their_labels(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=rows(100), labels=np.repeat(np.arange(4), 25))
    found = read_feeds(path, X, limit=8)
    assert found.labels is not None and found.labels["label"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [feed["x"][0, 0] for feed in found.feeds] == [2 * (i * 100 // 8) for i in range(8)]
    assert (len(found), found.total) == (8, 100)


@pytest.mark.parametrize(("shape", "spec", "each"), [
    pytest.param((5, 2), (-1, 2), (1, 2), id="free-batch"),
    pytest.param((5, 2), (1, 2), (1, 2), id="batch-of-one"),
    pytest.param((5, 4, 2), (4, 2), (4, 2), id="stacked-on-a-fixed-batch"),
    pytest.param((4, 2), (4, 2), (4, 2), id="one-sample-of-a-fixed-batch"),
    pytest.param((5,), (), (), id="scalars"),
    pytest.param((5, 1, 7, 2), (1, -1, 2), (1, 7, 2), id="stacked-with-batch-axis"),
])  # fmt: skip
def test_samples_have_the_shape_of_the_input(
    tmp_path: Path, shape: tuple[int, ...], spec: tuple[int, ...], each: tuple[int, ...]
) -> None:
    found = read_feeds(npz(tmp_path / "a.npz", x=np.zeros(shape, np.float32)), [TensorSpec("x", "FP32", spec)])
    assert {feed["x"].shape for feed in found.feeds} == {each}
    assert len(found) == (1 if shape == each else 5)


def test_float64_is_rounded_for_the_graph_and_kept_for_the_original(tmp_path: Path) -> None:
    value = 101325.00390625001
    found = read_feeds(npz(tmp_path / "a.npz", x=np.full((2, 2), value)), X)
    assert found.feeds[0]["x"].dtype == np.float32
    assert found.wide is not None and found.wide[1]["x"][0, 0] == value


def test_golden_samples_are_samples(tmp_path: Path) -> None:
    path = dotted(tmp_path / "0.npz", {"in.x": rows(1), "out.y": rows(1)})
    assert read_feeds(path, X).feeds[0]["x"].tolist() == [[0, 1]]


def test_a_folder_of_npz_may_have_samples_of_free_sizes_and_ragged_labels(tmp_path: Path) -> None:
    spec = [TensorSpec("x", "FP32", (1, -1))]
    for i, count in enumerate((2, 3)):
        arrays = {"x": np.zeros((1, count), np.float32), "label.boxes": np.ones((1, count, 4), np.float32)}
        dotted(tmp_path / f"{i}.npz", arrays | {"label.mask": np.full((1, count, 5 - count), 200, np.uint8)})
    found = read_feeds(tmp_path, spec)
    assert [feed["x"].shape for feed in found.feeds] == [(1, 2), (1, 3)]
    assert found.labels is not None
    assert found.labels["boxes"].shape == (2, 3, 4) and found.labels["boxes"][0, 2].tolist() == [-1] * 4
    assert found.labels["mask"][0, 2, 0] == -1 and found.labels["mask"].max() == 200


def test_text_inputs_are_read(tmp_path: Path) -> None:
    spec = [TensorSpec("text", "BYTES", (-1,))]
    found = read_feeds(npz(tmp_path / "a.npz", text=np.array(["one", "two"])), spec)
    assert [feed["text"].tolist() for feed in found.feeds] == [["one"], ["two"]]


@pytest.mark.parametrize(("arrays", "wrong"), [
    pytest.param({"y": rows(2)}, "input 'x': want FP32 [-1, 2] a sample (-1 is any), found only arrays ['y']",
                 id="missing"),
    pytest.param({"x": rows(2).astype(np.int64)}, "found int64 [2, 2]", id="another-type"),
    pytest.param({"x": np.zeros((2, 3), np.float32)}, "found float32 [2, 3]", id="another-shape"),
    pytest.param({"x": np.float32(1)}, "found float32 []", id="no-axis"),
    pytest.param({"x": rows(3), "labels": np.zeros(2)}, "found {'x': 3, 'label.label': 2}", id="label-count"),
    pytest.param({"x": rows(0)}, "want samples, found none in it", id="empty"),
])  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path: Path, arrays: dict[str, Array], wrong: str) -> None:
    with pytest.raises(ModelError) as raised:
        read_feeds(npz(tmp_path / "a.npz", **arrays), X)
    assert wrong in str(raised.value) and "a.npz" in str(raised.value)


def test_files_of_a_folder_must_agree_on_their_labels(tmp_path: Path) -> None:
    npz(tmp_path / "0.npz", x=rows(1), labels=np.zeros(1))
    npz(tmp_path / "1.npz", x=rows(1))
    with pytest.raises(ModelError, match=r"1\.npz: want labels \['label'\] as in 0\.npz, found \[\]"):
        read_feeds(tmp_path, X)


@pytest.mark.parametrize(("name", "content", "wrong"), [
    pytest.param("a.npz", b"no zip", "want an .npz of plain arrays", id="damaged"),
    pytest.param("b.txt", b"x", "want an .npz of plain arrays", id="another-file"),
])  # fmt: skip
def test_files_that_are_no_samples(tmp_path: Path, name: str, content: bytes, wrong: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=wrong):
        read_feeds(tmp_path / name, X)


def test_nothing_there_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found nothing there"):
        read_feeds(tmp_path / "none", X)
    with pytest.raises(ModelError, match=r"want \.npz files or pictures"):
        read_feeds(tmp_path, X)


def red(path: Path, height: int = 4, width: int = 6) -> Path:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR
    return path


def test_pictures_come_as_rgb_of_their_own_size(tmp_path: Path) -> None:
    red(tmp_path / "a.png")
    red(tmp_path / "b.bmp", 8, 2)
    found = read_feeds(tmp_path, IMAGE)
    assert [feed["image"].shape for feed in found.feeds] == [(1, 4, 6, 3), (1, 8, 2, 3)]
    assert found.feeds[0]["image"][0, 0, 0].tolist() == [255, 0, 0]
    assert found.labels is None and len(found.feeds[:1]) == 1


def test_subfolders_are_classes_and_all_are_among_a_few(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for i in range(10):
            red(tmp_path / name / f"{i}.jpg")
    found = read_feeds(tmp_path, IMAGE, limit=4)
    assert found.labels is not None and found.labels["label"].tolist() == ["cat", "cat", "dog", "dog"]


def test_pictures_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    red(tmp_path / "a.png")
    with pytest.raises(ModelError, match=r"pictures want one input UINT8 .*edgectl model prepare"):
        read_feeds(tmp_path, X)
    fixed = read_feeds(tmp_path, [TensorSpec("image", "UINT8", (1, 9, 9, 3))])
    with pytest.raises(ModelError, match=r"found \[1, 4, 6, 3\]; resize it"):
        fixed.feeds[0]


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"a\.png: want a picture"):
        read_feeds(tmp_path, IMAGE).feeds[0]


def test_noise_is_seeded_and_pictures_vary_in_size() -> None:
    feeds = generated(IMAGE, 3, 7).feeds
    assert len({feed["image"].shape for feed in feeds}) == 3
    assert all(np.array_equal(a["image"], b["image"]) for a, b in zip(feeds, generated(IMAGE, 3, 7).feeds, strict=True))
    assert not np.array_equal(generated(X, 2, 0).feeds[0]["x"], generated(X, 2, 0).feeds[1]["x"])
    assert generated(X, 1, 0).noise and generated([TensorSpec("t", "BYTES", (-1,))], 1, 0).feeds[0]["t"].dtype == object


def test_labels_from_a_text_are_taken_as_the_samples_are(tmp_path: Path) -> None:
    found = read_feeds(npz(tmp_path / "a.npz", x=rows(6)), X, limit=3)
    (tmp_path / "l.txt").write_text("a b\nc\nd\ne\nf\ng\n")
    labels = labelled(found, tmp_path / "l.txt", ()).labels
    assert labels is not None and labels["label"].tolist() == ["a b", "d", "f"]
    (tmp_path / "l.txt").write_text("a\nb\n")
    with pytest.raises(ModelError, match="want 6 labels, one a sample, found 2"):
        labelled(found, tmp_path / "l.txt", ())


def test_labels_from_an_npz_and_none(tmp_path: Path) -> None:
    found = read_feeds(npz(tmp_path / "a.npz", x=rows(2)), X)
    path = dotted(tmp_path / "l.npz", {"label.boxes": np.zeros((2, 1, 4)), "classes": np.zeros((2, 1))})
    labels = labelled(found, path, ()).labels
    assert labels is not None and set(labels) == {"boxes", "classes"}
    with pytest.raises(StartError, match="no such file"):
        labelled(found, tmp_path / "none.txt", ())
