"""Keras, SavedModel and TFLite, with TensorFlow really installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge_common.bundle import read_bundle
from edgectl.model.convert.loaded import loaded
from edgectl.model.convert.open import open_original
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.parity import parity
from edgectl.model.convert.quiet import framework, silence
from edgectl.model.convert.run import convert
from edgectl.model.convert.samples import samples_of
from edgectl_support import Run

pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the same tiny CNN in every form, and models that cannot be converted."""
    silence()
    directory = tmp_path_factory.mktemp("keras")
    with framework("training"):
        keras = pytest.importorskip("keras")
        tf = pytest.importorskip("tensorflow")
        keras.utils.set_random_seed(0)
        cnn = _cnn(keras)
        cnn.save(directory / "cnn.keras")
        cnn.save(directory / "cnn.h5")
        cnn.export(directory / "saved", verbose=False)
        cnn.save_weights(directory / "only.weights.h5")
        _two(keras).save(directory / "two.keras")
        _write_lambda(keras, directory / "lambda.keras")
        keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(10, 3)]).save(
            directory / "words.keras"
        )
        _write_svd(tf, directory / "svd")
        _write_tflite(tf, cnn, directory)
    return directory


def _cnn(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(),
            layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax", name="probs"),
        ]
    )  # fmt: skip


def _two(keras: Any) -> Any:
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((6, 2), name="b")
    both = layers.Concatenate()([layers.Dense(3)(a), layers.LSTM(3)(b)])
    return keras.Model({"a": a, "b": b}, {"score": layers.Dense(1)(both), "kind": layers.Dense(2)(both)})


def _write_lambda(keras: Any, path: Path) -> None:
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2, name="twice")]).save(path)


def _write_svd(tf: Any, path: Path) -> None:
    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4), tf.float32, name="a")])  # type: ignore[untyped-decorator]
        def serve(self, a: Any) -> Any:
            with tf.name_scope("decompose"):
                return {"y": tf.linalg.svd(a)[0]}

    module = Module()
    tf.saved_model.save(module, str(path), signatures=module.serve)


def _write_tflite(tf: Any, cnn: Any, directory: Path) -> None:
    (directory / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(cnn).convert())
    rng = np.random.default_rng(0)
    for kind in ("uint8", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(cnn)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[rng.random((1, 8, 8, 3), np.float32)] for _ in range(8)]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)
        (directory / f"{kind}.tflite").write_bytes(converter.convert())


@pytest.mark.parametrize(
    ("source", "inputs", "outputs"),
    [
        pytest.param("cnn.keras", ["image"], ["probs"], id="keras"),
        pytest.param("cnn.h5", ["image"], ["probs"], id="h5"),
        pytest.param("saved", ["image"], ["output_0"], id="savedmodel"),
        pytest.param("two.keras", ["a", "b"], ["kind", "score"], id="dicts"),
        pytest.param("float.tflite", ["image"], ["output_0"], id="tflite"),
    ],
)
def test_a_model_becomes_a_bundle_with_its_own_names_and_any_batch(
    run: Run, files: Path, tmp_path: Path, source: str, inputs: list[str], outputs: list[str]
) -> None:
    arguments = ("--name", "small", "--version", "1.0.0", "--output", tmp_path / "small")
    code, out, err = run("model", "convert", files / source, *arguments)
    assert code == 0, err
    graph = onnx.load(str(read_bundle(tmp_path / "small").model_path)).graph
    found = ([value.name for value in graph.input], [value.name for value in graph.output])
    assert found == (inputs, outputs)
    assert all(value.type.tensor_type.shape.dim[0].dim_param == "N" for value in graph.input)
    assert "written to" in out and read_bundle(tmp_path / "small").source.original_sha256


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param("lambda.keras", "found Lambda 'twice', whose Python code loading would run", id="lambda"),
        pytest.param("svd", "found Svd in 'PartitionedCall/PartitionedCall/decompose/Svd'", id="operator"),
        pytest.param("words.keras", "give real ones with --example FILE.npz", id="embedding-of-noise"),
        pytest.param("only.weights.h5", "weights alone; save it with model.save", id="weights"),
    ],
)
def test_what_cannot_be_converted_is_one_line(run: Run, files: Path, tmp_path: Path, source: str, told: str) -> None:
    arguments = ("--name", "small", "--version", "1.0.0", "--output", tmp_path / "small")
    code, _, err = run("model", "convert", files / source, *arguments)
    assert code == 2 and told in err.splitlines()[-1] and not (tmp_path / "small").exists()


def test_an_embedding_takes_real_numbers_of_words(run: Run, files: Path, tmp_path: Path) -> None:
    original = open_original(str(files / "words.keras"), options=ConvertOptions())
    rows: dict[str, Any] = {original.inputs[0].name: np.arange(8, dtype=np.int32).reshape(2, 4)}
    np.savez(tmp_path / "rows.npz", **rows)
    arguments = ("--name", "small", "--version", "1.0.0", "--output", tmp_path / "small")
    code, _, err = run("model", "convert", files / "words.keras", *arguments, "--example", tmp_path / "rows.npz")
    assert code == 0, err


def test_a_lambda_layer_is_converted_with_trust(run: Run, files: Path, tmp_path: Path) -> None:
    arguments = ("--name", "small", "--version", "1.0.0", "--output", tmp_path / "small", "--trust")
    assert run("model", "convert", files / "lambda.keras", *arguments)[0] == 0


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_whole_number_tflite_is_exact_and_keeps_scale_and_zero_point(files: Path, kind: str) -> None:
    original = open_original(str(files / f"{kind}.tflite"), options=ConvertOptions())
    model = convert(original)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["quantisation.output_0"].startswith("scale=0.00390625 zero_point=")
    # Optimised, as it is served: CPUs without VNNI overflow in ONNX Runtime's 8-bit kernels unless told not to.
    graph = loaded("graph", model)
    assert {spec.datatype for spec in (*graph.inputs, *graph.outputs)} == {kind.upper()}
    result = parity(original, graph, samples_of(original, None), 0, 0)
    assert result.rows[0].max_difference <= 1 and result.rows[0].beyond <= result.rows[0].values * 0.02


def test_batch_fixes_the_batch(files: Path) -> None:
    original = open_original(str(files / "cnn.keras"), options=ConvertOptions(batch=2))
    model = convert(original)
    assert [spec.shape for spec in original.inputs] == [(2, 8, 8, 3)]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2


def test_tensorflow_says_nothing(files: Path, tmp_path: Path) -> None:
    edgectl = Path(sys.executable).with_name("edgectl")
    arguments = ["--name", "small", "--version", "1.0.0", "--output", str(tmp_path / "small"), "--json"]
    done = subprocess.run(
        [edgectl, "model", "convert", str(files / "cnn.keras"), *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and done.stdout.startswith("{")
