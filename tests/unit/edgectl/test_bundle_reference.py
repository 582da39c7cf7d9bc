"""The reference that `edgectl bundle create` and the recipes record: of real inputs, of enough of them, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnx_models
from edge_common.answers import MAX_CLASSES
from edge_common.bundle import BundleError, read_bundle
from edge_common.manifest import Answer
from edgectl.bundle.reference import BINS, TooFew, reference_of
from edgectl.bundle.session import Model
from edgectl_support import Run, X

SHARES = Answer(probabilities="y")


def _rows(count: int, seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Rows of two shares; doubled by the graph, they are no shares any more, which nothing here asks for."""
    first = np.random.default_rng(seed).random(count)
    return np.stack([first, 1 - first], 1).astype(np.float32)


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    return onnx_models.doubler(tmp_path / "doubler.onnx")


def _create(graph: Path, out: Path, *more: object) -> list[object]:
    labels = graph.with_name("labels.txt")
    labels.write_text("left\nright\n")
    named = ["--name", "doubler", "--version", "1.0.0", "--answer", "probabilities=y", "--labels", labels]
    return ["bundle", "create", graph, *named, "--out", out, *more]


@pytest.mark.parametrize("files", [1, 3], ids=["a file", "a directory"])
def test_create_counts_what_is_answered(doubler: Path, tmp_path: Path, run: Run, files: int) -> None:
    rows, source = _rows(900), tmp_path / "real"
    source.mkdir()
    for number, part in enumerate(np.split(rows, files)):
        np.savez(source / f"{number}.npz", allow_pickle=False, x=part)
    code, out, err = run(*_create(doubler, tmp_path / "b", "--reference", source if files > 1 else source / "0.npz"))
    assert (code, err) == (0, "") and out.count("\n") == 1
    reference = read_bundle(tmp_path / "b").reference
    assert reference is not None and reference.predictions == 900
    left = int((rows[:, 0] >= rows[:, 1]).sum())
    assert reference.classes == {"left": left, "right": 900 - left}
    assert reference.score_counts == [90] * BINS
    assert run("bundle", "check", tmp_path / "b")[0] == 0
    assert "900 predictions" in run("bundle", "inspect", tmp_path / "b")[1]


def test_real_golden_inputs_that_are_many_are_a_reference_too(doubler: Path, tmp_path: Path, run: Run) -> None:
    np.savez(tmp_path / "golden.npz", allow_pickle=False, x=_rows(400))
    assert run(*_create(doubler, tmp_path / "b", "--inputs", tmp_path / "golden.npz"))[0] == 0
    reference = read_bundle(tmp_path / "b").reference
    assert reference is not None and reference.predictions == 400


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        pytest.param(0, "noise says nothing of real inputs; give some with --reference", id="noise"),
        pytest.param(
            3,
            "want 360 predictions, to tell a change in 10 bins from chance; found 3; give more with --reference",
            id="few",
        ),
    ],
)
def test_golden_samples_alone_are_too_few_and_that_is_said(
    doubler: Path, tmp_path: Path, run: Run, rows: int, why: str
) -> None:
    np.savez(tmp_path / "golden.npz", allow_pickle=False, x=_rows(3))
    code, out, err = run(*_create(doubler, tmp_path / "b", *(["--inputs", tmp_path / "golden.npz"] if rows else [])))
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [f"no reference in it, so its answers can drift unseen: {why}"]
    assert read_bundle(tmp_path / "b").reference is None
    assert "none: drift cannot be told" in run("bundle", "inspect", tmp_path / "b")[1]


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        pytest.param(
            {"x": _rows(20)}, "want 360 predictions, to tell a change in 10 bins from chance; found 20", id="few"
        ),
        pytest.param({"z": _rows(400)}, "input 'x': want FP32 [-1, 2], found no such array", id="name"),
        pytest.param({"x": _rows(400).astype(float)}, "want FP32 [-1, 2], found float64 [400, 2]", id="type"),
        pytest.param({"x": _rows(400) * np.nan}, "reference: want finite scores, found nan", id="nan"),
        pytest.param(None, "want an .npz of plain arrays, found: ", id="no-archive"),
    ],
)
def test_a_reference_that_was_asked_for_and_cannot_be_is_an_error(
    doubler: Path,
    tmp_path: Path,
    run: Run,
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
    text: str,
) -> None:
    source = tmp_path / "real.npz"
    source.write_bytes(b"PK")
    if arrays is not None:
        np.savez(source, allow_pickle=False, **arrays)
    code, out, err = run(*_create(doubler, tmp_path / "b", "--reference", source))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err and not (tmp_path / "b").exists()


def test_a_directory_without_any_is_an_error(doubler: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "real").mkdir()
    code, _, err = run(*_create(doubler, tmp_path / "b", "--reference", tmp_path / "real"))
    wanted = f"--reference {tmp_path / 'real'}: want an .npz or a directory with some, found none in it"
    assert (code, err) == (2, f"edgectl: {wanted}\n")


def test_frames_of_a_graph_that_takes_one_may_lie_in_one_array(tmp_path: Path) -> None:
    graph = Model(onnx_models.frame(tmp_path / "frame.onnx"))
    answer = Answer(boxes="boxes", scores="scores", classes="classes")
    frames = np.zeros((50, 8, 8, 3), np.uint8)
    reference = reference_of(graph, answer, ["a", "b"], [{"image": frames}] * 8)
    # Every score is 0.75: there is nothing to part.
    assert (reference.classes, reference.score_edges, reference.score_counts) == ({"a": 0, "b": 400}, [], [400])
    with pytest.raises(BundleError, match="want classes that the labels have, found '1'"):
        reference_of(graph, answer, ["a"], [{"image": frames}] * 8)


def test_one_number_a_row_needs_no_labels(tmp_path: Path) -> None:
    graph = Model(onnx_models.identity(tmp_path / "score.onnx", ["FP32"]))
    values = np.random.default_rng(2).normal(size=500).astype(np.float32)
    reference = reference_of(graph, Answer(score="out_FP32"), (), [{"in_FP32": values}])
    assert (reference.classes, reference.score_counts) == ({}, [50] * BINS)


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        pytest.param(Answer(), (), id="nothing named"),
        pytest.param(Answer(label="y"), (), id="classes without labels or scores"),
    ],
)
def test_where_nothing_can_be_counted_there_is_none(doubler: Path, answer: Answer, labels: tuple[str, ...]) -> None:
    with pytest.raises(TooFew, match=r"to count (them|the answers by); found n"):
        reference_of(Model(doubler), answer, labels, [{"x": _rows(500)}])


def test_of_many_labels_the_first_are_counted(tmp_path: Path) -> None:
    graph = Model(onnx_models.identity(tmp_path / "label.onnx", ["INT64"]))
    labels = [str(number) for number in range(MAX_CLASSES + 20)]
    classes = np.arange(6000, dtype=np.int64) % len(labels)
    reference = reference_of(graph, Answer(label="out_INT64"), labels, [{"in_INT64": classes}])
    assert reference.classes == dict.fromkeys(labels[:MAX_CLASSES], 50)
    assert reference.predictions == 6000


@given(st.integers(0, 2**32 - 1), st.integers(360, 800), st.integers(-1, 7))
def test_bins_are_as_equal_as_equal_scores_allow(seed: int, count: int, decimals: int) -> None:
    """The fewer decimals, the more scores are equal. Drawn by numpy: eight hundred floats take hypothesis too long."""
    from edgectl.bundle.reference import _binned, _edges

    scores: list[float] = np.random.default_rng(seed).normal(0, 3, count).round(decimals).tolist()
    edges = _edges(scores)
    counts = _binned(edges, scores)
    assert edges == sorted(set(edges)) and len(counts) == len(edges) + 1 <= BINS
    assert sum(counts) == len(scores)
    most = max(scores.count(score) for score in set(scores))
    if len(edges) == BINS - 1:
        assert max(counts) <= len(scores) / BINS + 2 * most + 2


def test_the_fixture_input_is_no_reference(doubler: Path) -> None:
    with pytest.raises(TooFew, match="found 1"):
        reference_of(Model(doubler), SHARES, ("left", "right"), [X])
