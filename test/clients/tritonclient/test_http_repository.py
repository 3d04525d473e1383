"""tritonclient.http against a server that loads and unloads by request."""

import json
import time

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from http_support import connect, inputs_of, key


@pytest.fixture(scope="module")
def client(context):
    with connect(context, "envoy") as client:
        yield client


@pytest.fixture(scope="module")
def headers(context):
    """Makes headers for one call: the client writes into the dictionary that it gets."""
    return lambda: key(context)


def transpose(client, headers) -> np.ndarray:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    return client.infer("transpose", inputs_of({"x": x}), headers=headers()).as_numpy("y")


def becomes(read, value) -> bool:
    """The gateway asks about readiness four times a second; an answer may be that old."""
    deadline = time.monotonic() + 10
    while read() != value and time.monotonic() < deadline:
        time.sleep(0.05)
    return read() == value


def test_unloads_and_loads_a_model_of_the_routing_table(client, headers):
    def state() -> str:
        index = client.get_model_repository_index(headers=headers())
        return next(model["state"] for model in index if model["name"] == "transpose")

    def ready() -> bool:
        return client.is_model_ready("transpose", headers=headers())

    assert transpose(client, headers).shape == (3, 2)
    client.unload_model("transpose", headers=headers())
    # Its engine may still be ending.
    assert state() in ("UNLOADING", "UNAVAILABLE")
    with pytest.raises(InferenceServerException, match="404"):
        transpose(client, headers)
    assert becomes(ready, False)
    client.load_model("transpose", headers=headers())
    assert state() == "READY"
    assert transpose(client, headers).shape == (3, 2)
    assert becomes(ready, True)


def test_does_not_show_the_public_a_model_that_the_routing_table_does_not_name(client, headers):
    client.load_model("pick", headers=headers())
    assert not client.is_model_ready("pick", headers=headers())
    client.unload_model("pick", headers=headers())


def test_loads_the_version_that_a_configuration_names(client, headers):
    config = json.dumps({"version_policy": {"specific": {"versions": [1]}}})
    client.load_model("pick", config=config, headers=headers())
    client.unload_model("pick", unload_dependents=True, headers=headers())


def test_raises_for_what_it_cannot_load(client, headers):
    with pytest.raises(InferenceServerException, match="404"):
        client.load_model("nothing", headers=headers())
    with pytest.raises(InferenceServerException, match="files come from the repository"):
        client.load_model("pick", config="{}", files={"file:1/model.onnx": b"x"}, headers=headers())


def test_lets_only_administrators_load(client, context):
    with pytest.raises(InferenceServerException, match="403"):
        client.load_model("pick", headers=key(context, "client"))
