"""What a source is, told from its content."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import onnx_models
from edgectl.model.convert.detect import KINDS, detect
from edgectl.model.convert.kerasfile import refuse_code
from edgectl.model.convert.torchfile import refuse_pickles
from edgectl.model.errors import ModelError
from model_graphs_convert import zipped


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        pytest.param("m.keras", zipped(config_dot_json="{}", metadata_dot_json="{}"), "keras", id="keras"),
        pytest.param("m.h5", b"\x89HDF\r\n\x1a\n", "keras", id="hdf5"),
        pytest.param("m.bin", b"\x1c\0\0\0TFL3", "tflite", id="tflite-by-content"),
        pytest.param("m.skops", zipped(schema_dot_json="{}"), "skops", id="skops"),
        pytest.param("m.pkl", b"\x80\x05\x95", "pickle", id="pickle"),
        pytest.param("m.joblib", b"\x78\x5e\xed", "pickle", id="joblib-compressed"),
        pytest.param("m.json", b'{"learner":{"attributes":{}', "xgboost", id="xgboost-json"),
        pytest.param("m.ubj", b"{L\0\0\0\0\0\0\0\x07learner{", "xgboost", id="xgboost-ubj"),
        pytest.param("m.txt", b"tree\nversion=v4\n", "lightgbm", id="lightgbm"),
        pytest.param("m.pt2", zipped(m__models__model_dot_json="{}"), "exported", id="exported"),
        pytest.param("m.pt", zipped(m__code____torch___dot_py="", m__constants_dot_pkl=""), "torchscript", id="script"),
        pytest.param("m.onnx", b"\x08\x0a", "onnx", id="onnx"),
    ],
)
def test_kinds_are_told_by_content(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert detect(str(tmp_path / name), None) == kind


def test_a_directory_with_saved_model_pb_is_a_savedmodel(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert detect(str(tmp_path), "tensorflow") == "savedmodel"


def test_module_and_function_are_a_factory() -> None:
    assert detect("nets.small:build", None) == "factory"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        pytest.param("m.onnx", b"", "found an empty file", id="empty"),
        pytest.param("notes.md", b"# notes", "found another kind of file", id="text"),
        pytest.param("m.zip", zipped(a="b"), "found a zip archive of something else", id="zip"),
        pytest.param("m.pt", zipped(m__data_dot_pkl=""), "give module:function", id="torch-save"),
        pytest.param("m.json", b'{"a": 1}', "found another kind of file", id="json"),
    ],
)
def test_what_is_no_model_is_refused_with_what_is_wanted(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="want a model") as caught:
        detect(str(tmp_path / name), None)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_central_directory_is_one_line(tmp_path: Path) -> None:
    content = zipped(config_dot_json="{}", metadata_dot_json="{}")
    (tmp_path / "m.keras").write_bytes(content.replace(b"PK\1\2", b"PK\0\0"))
    with pytest.raises(ModelError, match=r"want a whole zip archive, found a damaged one: .*; save the model again"):
        detect(str(tmp_path / "m.keras"), None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_an_archive_with_any_bytes_changed_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    files = {"config_dot_json": lambda_config(), "metadata_dot_json": "{}", "m__models__m_dot_json": "{}"}
    content = bytearray(zipped(**files, m__data__weights__model_weights_config_dot_json=weights(False)))
    changes = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(changes, min_size=1, max_size=4)):
        content[place] = value
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    reads: list[Callable[[], object]] = [
        lambda: detect(str(path), None),
        lambda: refuse_pickles(str(path), trust=False),
    ]
    if zipfile.is_zipfile(path):
        reads.append(lambda: refuse_code(str(path), trust=False))
    for read in reads:
        try:
            read()
        except ModelError as exc:
            assert "\n" not in str(exc) and str(path) in str(exc)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param("model.toml", "found a bundle, which is converted already", id="bundle"),
        pytest.param("else.txt", "found a directory without saved_model.pb", id="other"),
    ],
)
def test_other_directories_are_refused(tmp_path: Path, file: str, told: str) -> None:
    (tmp_path / file).write_text("")
    with pytest.raises(ModelError, match=told):
        detect(str(tmp_path), None)


def test_another_framework_than_said_is_refused(tmp_path: Path) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="want keras as --framework says, found an ONNX model; leave --framework out"):
        detect(str(graph), "keras")


@pytest.mark.parametrize("framework", ["sklearn", "xgboost", "lightgbm"])
def test_a_pickle_may_be_of_three_frameworks(tmp_path: Path, framework: str) -> None:
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04.")
    assert detect(str(tmp_path / "m.pkl"), framework) == "pickle"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(content=st.binary(max_size=64), suffix=st.sampled_from([".onnx", ".pkl", ".keras", ".pt2", ".txt", ".json", ""]))
def test_any_bytes_are_a_kind_or_refused_in_one_line(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    try:
        assert detect(str(path), None) in KINDS
    except ModelError as exc:
        assert "\n" not in str(exc) and str(path) in str(exc)


def lambda_config(depth: int = 0) -> str:
    layer: object = {"class_name": "Lambda", "config": {"name": "twice"}}
    for _ in range(depth):
        layer = [layer]
    return json.dumps({"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}, layer]}})


def test_lambda_layers_are_named_before_anything_of_them_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(zipped(config_dot_json=lambda_config(), metadata_dot_json="{}"))
    with pytest.raises(ModelError, match=r"found Lambda 'twice', whose Python code loading would run; .*--trust"):
        refuse_code(str(path), trust=False)
    refuse_code(str(path), trust=True)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param("{", "found no configuration in it", id="damaged"),
        pytest.param(lambda_config(depth=200), "nested at most 100 deep", id="too-deep"),
    ],
)
def test_a_damaged_configuration_is_refused(tmp_path: Path, config: str, told: str) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(zipped(config_dot_json=config, metadata_dot_json="{}"))
    with pytest.raises(ModelError, match=told):
        refuse_code(str(path), trust=False)


def weights(pickled: bool, path: str = "weight_0") -> str:
    return json.dumps({"config": {"conv.weight": {"path_name": path, "use_pickle": pickled}}})


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"m__data__weights__model_weights_config_dot_json": weights(True)}, id="weights"),
        pytest.param({"m__data__constants__m_constants_config_dot_json": weights(True, "tensor_0")}, id="constants"),
        pytest.param({"m__data__constants__m_constants_config_dot_json": weights(False, "custom_obj_0")}, id="objects"),
        pytest.param({"m__data__weights__model_dot_pt": ""}, id="older-format"),
    ],
)
def test_pickles_inside_an_exported_program_need_trust(tmp_path: Path, files: dict[str, str]) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(zipped(**files))
    with pytest.raises(ModelError, match="pickled, and unpickling runs code; --trust loads it"):
        refuse_pickles(str(path), trust=False)
    refuse_pickles(str(path), trust=True)


def test_an_exported_program_of_plain_tensors_needs_none(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    plain = {"m__data__weights__model_weights_config_dot_json": weights(False), "m__data__sample_inputs__m_dot_pt": ""}
    path.write_bytes(zipped(**plain))
    refuse_pickles(str(path), trust=False)
