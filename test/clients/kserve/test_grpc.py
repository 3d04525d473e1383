"""kserve.InferenceGRPCClient."""

import asyncio

import grpc
import numpy as np
import pytest
import pytest_asyncio
from kserve import InferenceGRPCClient, InferInput, InferOutput, InferRequest


@pytest_asyncio.fixture
async def client(grpc_address):
    async with InferenceGRPCClient(grpc_address) as client:
        yield client


def affine(binary: bool, rows: int = 2) -> list[InferInput]:
    x = InferInput("x", [rows, 3], "FP32")
    ids = InferInput("ids", [rows, 2], "INT64")
    x.set_data_from_numpy(np.arange(rows * 3, dtype=np.float32).reshape(rows, 3), binary_data=binary)
    ids.set_data_from_numpy(np.arange(rows * 2, dtype=np.int64).reshape(rows, 2), binary_data=binary)
    return [x, ids]


def output(response, name: str) -> InferOutput:
    return next(one for one in response.outputs if one.name == name)


async def test_is_live_and_ready(client):
    assert await client.is_server_live() is True
    assert await client.is_server_ready() is True
    assert await client.is_model_ready("digits") is True


async def test_says_no_when_asked_whether_an_unknown_model_is_ready(client):
    assert await client.is_model_ready("nothing") is False


@pytest.mark.parametrize("binary", [True, False], ids=["raw", "typed"])
async def test_answers_tensors(client, binary):
    request = InferRequest("affine", affine(binary), request_id="mine-3")
    response = await client.infer(request)
    assert (response.model_name, response.model_version, response.id) == ("affine", "1", "mine-3")
    assert [one.name for one in response.outputs] == ["scaled", "sum", "next"]
    np.testing.assert_array_equal(output(response, "scaled").as_numpy(), [[1, 3, 5], [7, 9, 11]])
    np.testing.assert_array_equal(output(response, "sum").as_numpy(), [3, 12])
    np.testing.assert_array_equal(output(response, "next").as_numpy(), [[1, 2], [3, 4]])


async def test_recognises_a_picture(client, seven):
    image = InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([seven], dtype=object), binary_data=True)
    response = await client.infer(InferRequest("digits", [image]))
    assert output(response, "label").as_numpy()[0][0] in ("7", b"7")
    assert output(response, "class_id").as_numpy()[0][0] == 7


async def test_takes_typed_text(client):
    words = InferInput("x", [1, 2], "BYTES", data=["one", "two"])
    response = await client.infer(InferRequest("echo-text", [words]))
    assert list(output(response, "y").as_numpy().flat) == [b"one", b"two"]


async def test_raises_what_the_server_says(client):
    with pytest.raises(grpc.RpcError) as unknown:
        await client.infer(InferRequest("nothing", affine(binary=True)))
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as crowded:
        await client.infer(InferRequest("affine", affine(binary=True, rows=5)))
    assert crowded.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "inputs[0].shape[0]: expected at most 4" in crowded.value.details()


def patient() -> InferRequest:
    x = InferInput("x", [1, 1], "FP32")
    x.set_data_from_numpy(np.zeros((1, 1), dtype=np.float32))
    return InferRequest("patient", [x])


async def test_ends_at_the_callers_deadline(client):
    with pytest.raises(grpc.RpcError) as late:
        await client.infer(patient(), timeout=0.01)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_cancels_a_call(client):
    call = asyncio.create_task(client.infer(patient()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await client.is_server_live()


async def test_reaches_the_listener_for_internal_services(context):
    internal = context["internalGrpc"]
    async with InferenceGRPCClient(
        internal["address"],
        use_ssl=True,
        root_certificates=internal["ca"],
        private_key=internal["key"],
        certificate_chain=internal["cert"],
    ) as client:
        assert await client.is_model_ready("digits") is True
