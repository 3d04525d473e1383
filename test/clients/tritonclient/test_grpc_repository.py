"""tritonclient.grpc against a server that loads and unloads by request."""

import json

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def client(grpc_address):
    with grpcclient.InferenceServerClient(grpc_address) as client:
        yield client


def states(client) -> dict[str, str]:
    index = client.get_model_repository_index(as_json=True)
    return {model["name"]: model["state"] for model in index["models"]}


def pick(client) -> float:
    index = grpcclient.InferInput("index", [1, 1], "INT64")
    index.set_data_from_numpy(np.array([[3]], dtype=np.int64))
    return client.infer("pick", [index]).as_numpy("y")[0][0]


def test_loads_serves_and_unloads_a_model(client):
    assert states(client)["pick"] == "UNAVAILABLE"
    assert not client.is_model_ready("pick")
    client.load_model("pick")
    assert states(client)["pick"] == "READY"
    assert client.is_model_ready("pick")
    assert pick(client) == 30
    client.unload_model("pick")
    assert not client.is_model_ready("pick")
    # Its engine may still be ending.
    assert states(client)["pick"] in ("UNLOADING", "UNAVAILABLE")


def test_loads_the_version_that_a_configuration_names(client):
    client.load_model("pick", config=json.dumps({"version_policy": {"specific": {"versions": [1]}}}))
    assert client.is_model_ready("pick", "1")
    client.unload_model("pick", unload_dependents=True)


def test_raises_for_what_it_cannot_load(client):
    with pytest.raises(InferenceServerException, match="NOT_FOUND"):
        client.load_model("nothing")
    with pytest.raises(InferenceServerException, match="files come from the repository"):
        client.load_model("pick", config="{}", files={"file:1/model.onnx": b"x"})
