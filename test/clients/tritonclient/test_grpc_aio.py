"""tritonclient.grpc.aio."""

import asyncio

import numpy as np
import pytest
import pytest_asyncio
import tritonclient.grpc.aio as grpcclient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tensors import EXAMPLES, affine_answers, affine_arrays, expected, image_array


def inputs_of(arrays: dict[str, np.ndarray]) -> list:
    inputs = []
    for name, array in arrays.items():
        one = grpcclient.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array)
        inputs.append(one)
    return inputs


@pytest_asyncio.fixture
async def client(grpc_address):
    async with grpcclient.InferenceServerClient(grpc_address) as client:
        yield client


async def test_is_live_and_ready(client):
    assert await client.is_server_live() is True
    assert await client.is_server_ready() is True
    assert await client.is_model_ready("digits") is True
    assert await client.is_model_ready("nothing") is False


async def test_describes_the_server_and_a_model(client):
    assert (await client.get_server_metadata()).name == "headgate"
    assert (await client.get_model_metadata("digits")).inputs[0].datatype == "BYTES"
    assert (await client.get_model_config("digits")).config.max_batch_size == 8
    index = await client.get_model_repository_index()
    assert {model.name for model in index.models} >= {"affine", "digits", "pick"}


async def test_carries_every_datatype(client):
    arrays = {f"in_{name.lower()}": array for name, array in EXAMPLES.items()}
    result = await client.infer("echo-all", inputs_of(arrays))
    for datatype in EXAMPLES:
        np.testing.assert_array_equal(result.as_numpy(f"out_{datatype.lower()}"), expected(datatype))


async def test_gives_everyone_their_own_answer(client):
    arrays = [affine_arrays() for _ in range(20)]
    for number, one in enumerate(arrays):
        one["ids"] = one["ids"] + 100 * number
    results = await asyncio.gather(*(client.infer("affine", inputs_of(one)) for one in arrays))
    for one, result in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(result.as_numpy("next"), one["ids"] + 1)
        np.testing.assert_array_equal(result.as_numpy("sum"), affine_answers()["sum"])


async def test_recognises_a_picture(client, seven):
    result = await client.infer("digits", inputs_of({"image": image_array(seven)}), request_id="mine-2")
    assert result.as_numpy("label")[0][0] == b"7"
    assert result.get_response().id == "mine-2"


async def test_raises_what_the_server_says(client):
    with pytest.raises(InferenceServerException, match="NOT_FOUND.*no model of this name"):
        await client.infer("nothing", inputs_of(affine_arrays()))
    late = inputs_of({"x": np.zeros((1, 1), dtype=np.float32)})
    with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED"):
        await client.infer("patient", late, client_timeout=0.01)


async def test_cancels_a_call(client):
    call = asyncio.create_task(client.infer("patient", inputs_of({"x": np.zeros((1, 1), dtype=np.float32)})))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await client.is_server_live()
