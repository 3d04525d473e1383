"""kserve.InferenceRESTClient, over TLS through Envoy."""

import ssl

import httpx
import numpy as np
import pytest
import pytest_asyncio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


@pytest_asyncio.fixture
async def client(context):
    trusted = ssl.create_default_context(cafile=context["caFile"])
    client = InferenceRESTClient(RESTConfig(protocol="v2", verify=trusted))
    yield client
    await client.close()


@pytest.fixture(scope="module")
def call(context):
    """Makes what a call needs: the client writes into the headers that it gets."""
    return lambda: {"base_url": context["https"], "headers": {"X-API-Key": context["keys"]["admin"]}}


def affine(binary: bool) -> list[InferInput]:
    x = InferInput("x", [2, 3], "FP32")
    ids = InferInput("ids", [2, 2], "INT64")
    x.set_data_from_numpy(np.arange(6, dtype=np.float32).reshape(2, 3), binary_data=binary)
    ids.set_data_from_numpy(np.arange(4, dtype=np.int64).reshape(2, 2), binary_data=binary)
    return [x, ids]


async def test_is_live_and_ready(client, call):
    assert await client.is_server_live(**call()) is True
    assert await client.is_server_ready(**call()) is True
    assert await client.is_model_ready(model_name="digits", **call()) is True
    assert await client.is_model_ready(model_name="nothing", **call()) is False


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
async def test_answers_tensors(client, call, binary):
    outputs = [RequestedOutput(name, {"binary_data": binary}) for name in ("next", "sum")]
    request = InferRequest("affine", affine(binary), request_id="mine-5", request_outputs=outputs)
    response = await client.infer(data=request, model_name="affine", **call())
    # The client drops the version of the answer.
    assert (response.model_name, response.id) == ("affine", "mine-5")
    assert [one.name for one in response.outputs] == ["next", "sum"]
    np.testing.assert_array_equal(response.outputs[0].as_numpy(), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(response.outputs[1].as_numpy(), [3, 12])


async def test_takes_a_plain_dictionary(client, call):
    data = {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [[1, 2, 3]]},
            {"name": "ids", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]},
        ]
    }
    response = await client.infer(data=data, model_name="affine", **call())
    np.testing.assert_array_equal(response.outputs[1].as_numpy(), [6])


async def test_recognises_a_picture(client, call, seven):
    image = InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([seven], dtype=object), binary_data=True)
    response = await client.infer(data=InferRequest("digits", [image]), model_name="digits", **call())
    label = next(one for one in response.outputs if one.name == "label")
    assert label.as_numpy()[0][0] in ("7", b"7")


async def test_raises_what_the_server_says(client, call):
    with pytest.raises(httpx.HTTPStatusError) as unknown:
        await client.infer(data=InferRequest("nothing", affine(True)), model_name="nothing", **call())
    assert unknown.value.response.status_code == 404
    narrow = InferInput("x", [2, 2], "FP32", data=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(httpx.HTTPStatusError, match="expected") as wrong:
        await client.infer(
            data=InferRequest("affine", [narrow, affine(False)[1]]), model_name="affine", **call()
        )
    assert wrong.value.response.status_code == 400
