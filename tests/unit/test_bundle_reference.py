"""[reference] of a bundle: counts that cannot be of so many predictions are one line that says why."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge_common.answers import MAX_CLASSES
from edge_common.bundle import BundleError, read_bundle

GRAPH = b"not read by these tests"
HEAD = f"""schema = 1
name = "dock"
version = "1.2.0"
task = "classification"
[file]
path = "model.onnx"
sha256 = "{hashlib.sha256(GRAPH).hexdigest()}"
[answer]
probabilities = "shares"
labels = "labels.txt"
"""
REFERENCE = """[reference]
predictions = 1000
classes = {box = 700, bag = 300}
score_edges = [0.5, 0.9]
score_counts = [300, 400, 300]
"""


def _write(folder: Path, reference: str, labels: list[str]) -> Path:
    (folder / "model.onnx").write_bytes(GRAPH)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    (folder / "model.toml").write_text(HEAD + reference)
    return folder


def test_it_is_read(tmp_path: Path) -> None:
    reference = read_bundle(_write(tmp_path, REFERENCE, ["box", "bag"])).reference
    assert reference is not None
    assert (reference.predictions, reference.classes) == (1000, {"box": 700, "bag": 300})
    assert (reference.score_edges, reference.score_counts) == ([0.5, 0.9], [300, 400, 300])
    assert read_bundle(_write(tmp_path, "", ["box"])).reference is None


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param("predictions = 1000\n", "", "predictions: required, but not there", id="no-number"),
        pytest.param("1000", "0", "predictions: want a whole number from 1 to 1e9, found 0", id="of-none"),
        pytest.param("1000", "1e3", "predictions: want a whole number from 1 to 1e9, found 1000.0", id="a-fraction"),
        pytest.param("classes =", "class =", "class: unknown key; did you mean 'classes'?", id="key"),
        pytest.param("0.5, 0.9", "0.9, 0.5", "score_edges: want numbers that rise, found 0.5 after 0.9", id="falling"),
        pytest.param("0.5, 0.9", "0.5, 0.5", "score_edges: want numbers that rise, found 0.5 after 0.5", id="equal"),
        pytest.param("0.5, 0.9", "0.5, nan", "score_edges[1]: want a finite number, found nan", id="nan"),
        pytest.param(
            "[0.5, 0.9]", str([i / 30 for i in range(21)]), "score_edges: want at most 20 numbers, found [", id="bins"
        ),
        pytest.param(
            "0.5, 0.9", "0.5", "score_counts: want 2, one more than score_edges, found 3", id="counts-for-other-edges"
        ),
        pytest.param(
            "[300, 400, 300]", "[]", "score_counts: want 3, one more than score_edges, found 0", id="edges-only"
        ),
        pytest.param(
            "300]", "299]", "score_counts: want 1000 in all as predictions says, found 999", id="scores-in-all"
        ),
        pytest.param("300]", "-300]", "score_counts[2]: want a whole number from 0 to 1e9, found -300", id="negative"),
        pytest.param(
            "bag = 300", "bag = 301", "classes: want at most 1000 in all as predictions says, found 1001", id="too-many"
        ),
        pytest.param(
            "bag = 300", "bag = 299", "classes: want 1000 in all as reference.predictions says, found 999", id="too-few"
        ),
        pytest.param("bag =", "bin =", "classes: want labels of labels.txt, found 'bin'", id="no-label"),
        pytest.param(
            REFERENCE,
            "[reference]\npredictions = 1\n",
            "classes: want counts by class, or score_counts",
            id="of-nothing",
        ),
    ],
)
def test_a_fault_is_one_line(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    assert old in REFERENCE
    with pytest.raises(BundleError) as caught:
        read_bundle(_write(tmp_path, REFERENCE.replace(old, new), ["box", "bag"]))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'model.toml'}: reference.{wanted}") and "\n" not in message


def test_of_many_labels_only_the_first_are_listed(tmp_path: Path) -> None:
    labels = [f"class-{number}" for number in range(MAX_CLASSES + 1)]
    listed = "[reference]\npredictions = 1000\nclasses = {class-0 = 600}\n"
    reference = read_bundle(_write(tmp_path, listed, labels)).reference
    assert reference is not None and reference.classes == {"class-0": 600}
    with pytest.raises(BundleError, match=r"want labels of the first 100 of .*, found 'class-100'"):
        read_bundle(_write(tmp_path, listed.replace("class-0", f"class-{MAX_CLASSES}"), labels))
