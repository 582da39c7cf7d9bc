"""The public clients of this protocol, unchanged, against the real server."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

import onnx_models
from live import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("clients")
    running = Service(onnx_models.identity(folder / "same.onnx", list(ARRAYS)), folder / "log")
    yield running
    assert running.stop() == 0


ARRAYS = {
    "BOOL": np.array([True, False]),
    "UINT8": np.array([0, 255], np.uint8),
    "INT8": np.array([-128, 127], np.int8),
    "UINT16": np.array([0, 65535], np.uint16),
    "INT16": np.array([-32768, 32767], np.int16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1]),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "FP16": np.array([0.5, -2], np.float16),
    "FP32": np.array([0.1, -1e30], np.float32),
    "FP64": np.array([0.1, 1e300]),
    "BYTES": np.array(["pump", "größe 🙂", ""], object),
}


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_triton_binary_round_trip_of_every_type(service: Service, compression: str | None) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("same")
        made = []
        for kind, array in ARRAYS.items():
            made.append(triton.InferInput(f"in_{kind}", list(array.shape), kind))
            made[-1].set_data_from_numpy(array, binary_data=True)
        answer = client.infer(
            "same",
            made,
            request_id="r1",
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )
        assert answer.get_response()["id"] == "r1"
        for kind, array in ARRAYS.items():
            got = answer.as_numpy(f"out_{kind}")
            if kind == "BYTES":
                assert [value.decode() for value in got] == array.tolist()
            else:
                np.testing.assert_array_equal(got, array)


def test_triton_bf16(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5], ml_dtypes.bfloat16)
    running = Service(onnx_models.identity(tmp_path / "same.onnx", ["BF16"]), tmp_path / "log")
    with triton.InferenceServerClient(f"127.0.0.1:{running.port}") as client:
        item = triton.InferInput("in_BF16", [2], "BF16")
        item.set_data_from_numpy(values, binary_data=True)
        assert client.infer("same", [item]).as_numpy("out_BF16").astype(float).tolist() == [1.0, -2.5]
    assert running.stop() == 0


def test_triton_reads_config_statistics_index_and_errors(service: Service) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        assert client.get_model_config("same")["max_batch_size"] == 0
        assert client.get_inference_statistics("same")["model_stats"][0]["name"] == "same"
        assert client.get_model_repository_index() == [{"name": "same", "version": "1", "state": "READY", "reason": ""}]
        with pytest.raises(InferenceServerException, match="unknown model"):
            client.get_model_metadata("other")
        with pytest.raises(InferenceServerException, match="new container"):
            client.load_model("same")


@pytest.fixture
def doubler(tmp_path: Path) -> Iterator[Service]:
    running = Service(onnx_models.doubler(tmp_path / "doubler.onnx"), tmp_path / "log")
    yield running
    assert running.stop() == 0


def test_triton_json_raw_and_aio(doubler: Service) -> None:
    values = np.array([[1, 2], [3, 4]], np.float32)

    async def ask() -> list[list[float]]:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{doubler.port}") as client:
            item = triton_aio.InferInput("x", [2, 2], "FP32")
            item.set_data_from_numpy(values, binary_data=False)
            answer = await client.infer("doubler", [item])
            result: list[list[float]] = answer.as_numpy("y").tolist()
            return result

    assert asyncio.run(ask()) == (2 * values).tolist()
    status, headers, body = doubler.request(
        "POST", "/v2/models/doubler/infer", values.tobytes(), {"Inference-Header-Content-Length": "0"}
    )
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert body[int(headers["inference-header-content-length"]) :] == (2 * values).tobytes()


# kserve imports half of a data centre, and some of that warns about itself.
@pytest.mark.filterwarnings("ignore")
def test_kserve_rest_client(doubler: Service) -> None:
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    async def ask() -> list[float]:
        client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
        base = f"http://127.0.0.1:{doubler.port}"
        assert await client.is_server_live(base) and await client.is_server_ready(base)
        assert await client.is_model_ready(base, "doubler")
        item = InferInput("x", [1, 2], "FP32")
        item.set_data_from_numpy(np.array([[1, 2]], np.float32), binary_data=False)
        answer = await client.infer(base, InferRequest("doubler", [item]), model_name="doubler")
        data: list[float] = answer.outputs[0].as_numpy().ravel().tolist()
        return data

    assert asyncio.run(ask()) == [2.0, 4.0]
    # The client never closes its transport: let it say so here, not in whatever test the collector runs next.
    gc.collect()
