"""tritonclient.http.aio, over TLS through Envoy."""

import asyncio
import ssl

import numpy as np
import pytest
import pytest_asyncio
import tritonclient.http.aio as httpclient
from tritonclient.utils import InferenceServerException

from http_support import host_of, inputs_of, key
from tensors import EXAMPLES, affine_arrays, expected, image_array


@pytest_asyncio.fixture
async def client(context):
    trusted = ssl.create_default_context(cafile=context["caFile"])
    address = host_of(context["https"])
    async with httpclient.InferenceServerClient(address, ssl=True, ssl_context=trusted) as client:
        yield client


@pytest.fixture(scope="module")
def headers(context):
    """Makes headers for one call: the client writes into the dictionary that it gets."""
    return lambda: key(context)


async def test_is_live_and_ready(client, headers):
    assert await client.is_server_live(headers=headers()) is True
    assert await client.is_server_ready(headers=headers()) is True
    assert await client.is_model_ready("digits", headers=headers()) is True
    assert await client.is_model_ready("nothing", headers=headers()) is False


async def test_describes_the_server_and_a_model(client, headers):
    assert (await client.get_server_metadata(headers=headers()))["name"] == "headgate"
    assert (await client.get_model_metadata("digits", headers=headers()))["inputs"][0]["datatype"] == "BYTES"
    assert (await client.get_model_config("digits", headers=headers()))["max_batch_size"] == 8
    index = await client.get_model_repository_index(headers=headers())
    assert {model["name"] for model in index} >= {"affine", "digits", "pick"}


async def test_carries_every_datatype(client, headers):
    arrays = {f"in_{name.lower()}": array for name, array in EXAMPLES.items()}
    result = await client.infer("echo-all", inputs_of(arrays), headers=headers())
    for datatype in EXAMPLES:
        np.testing.assert_array_equal(result.as_numpy(f"out_{datatype.lower()}"), expected(datatype))


async def test_gives_everyone_their_own_answer(client, headers):
    arrays = [affine_arrays() for _ in range(20)]
    for number, one in enumerate(arrays):
        one["ids"] = one["ids"] + 100 * number
    calls = (client.infer("affine", inputs_of(one), headers=headers()) for one in arrays)
    for one, result in zip(arrays, await asyncio.gather(*calls), strict=True):
        np.testing.assert_array_equal(result.as_numpy("next"), one["ids"] + 1)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
async def test_compresses_both_ways(client, headers, seven, algorithm):
    result = await client.infer(
        "digits",
        inputs_of({"image": image_array(seven)}),
        headers=headers(),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert result.as_numpy("label")[0][0] == b"7"


async def test_raises_what_the_server_says(client, headers):
    with pytest.raises(InferenceServerException, match="404"):
        await client.infer("nothing", inputs_of(affine_arrays()), headers=headers())
    with pytest.raises(InferenceServerException, match="401"):
        await client.infer("affine", inputs_of(affine_arrays()))


async def test_cancels_a_call(client, headers):
    patient = inputs_of({"x": np.zeros((1, 1), dtype=np.float32)})
    call = asyncio.create_task(client.infer("patient", patient, headers=headers()))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await client.is_server_live(headers=headers())
