"""The same calls to MLServer and to Headgate by gRPC: equal answers, but for what docs/clients.md lists."""

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from google.protobuf.json_format import MessageToDict
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def ours(grpc_address):
    with grpcclient.InferenceServerClient(grpc_address) as client:
        yield client


@pytest.fixture(scope="module")
def theirs(reference):
    with grpcclient.InferenceServerClient(reference.grpc) as client:
        yield client


def inputs(rows: int = 2, **changed) -> list:
    arrays = {
        "x": np.linspace(-1, 1, rows * 3, dtype=np.float32).reshape(rows, 3),
        "ids": np.arange(rows * 2, dtype=np.int64).reshape(rows, 2),
    }
    types = {"x": "FP32", "ids": "INT64"}
    tensors = []
    for name, array in (arrays | changed).items():
        if array is None:
            continue
        one = grpcclient.InferInput(name, array.shape, types.get(name, "FP32"))
        one.set_data_from_numpy(array)
        tensors.append(one)
    return tensors


def answer_of(client, **options) -> dict:
    """Everything in an answer but what the two servers are known to word differently."""
    result = client.infer("affine", inputs(), **options)
    answer = MessageToDict(result.get_response(), preserving_proto_field_name=True)
    # MLServer names its codec, Headgate its times.
    answer.pop("parameters", None)
    for output in answer["outputs"]:
        output.pop("parameters", None)
        output.pop("contents", None)
        # MLServer's numpy codec gives vectors a second dimension of 1; the model and its metadata say [n].
        if output["name"] == "sum":
            output["shape"] = output["shape"][:1]
    return answer


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"request_id": "a-1"},
        {"model_version": "1"},
        {"outputs": [grpcclient.InferRequestedOutput("sum")]},
        {"outputs": [grpcclient.InferRequestedOutput(name) for name in ("next", "scaled")]},
    ],
    ids=["plain", "id", "version", "one output", "two outputs"],
)
def test_the_answers_are_the_same(ours, theirs, options):
    assert answer_of(ours, **options) == answer_of(theirs, **options)


def test_the_tensors_in_the_metadata_are_the_same(ours, theirs):
    def tensors(client) -> dict:
        metadata = client.get_model_metadata("affine", as_json=True)
        return {part: metadata[part] for part in ("name", "inputs", "outputs")}

    assert tensors(ours) == tensors(theirs)


def test_both_are_live_and_ready(ours, theirs):
    for client in (ours, theirs):
        assert client.is_server_live() is True
        assert client.is_server_ready() is True
        assert client.is_model_ready("affine") is True


REFUSED = {
    "an unknown model": ("nothing", inputs(), {}),
    "a missing input": ("affine", inputs(ids=None), {}),
    "an unknown input": ("affine", inputs(other=np.zeros((2, 1), dtype=np.float32)), {}),
    "another width": ("affine", inputs(x=np.zeros((2, 4), dtype=np.float32)), {}),
    "an unknown output": ("affine", inputs(), {"outputs": [grpcclient.InferRequestedOutput("nothing")]}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_both_refuse_with_the_same_status(ours, theirs, case):
    model, tensors, options = REFUSED[case]

    def status(client) -> str:
        with pytest.raises(InferenceServerException) as raised:
            client.infer(model, tensors, **options)
        return raised.value.status()

    assert status(ours) == status(theirs)


def test_only_headgate_says_that_an_unknown_model_is_not_ready(ours, theirs):
    assert ours.is_model_ready("nothing") is False
    with pytest.raises(InferenceServerException, match="UNKNOWN"):
        theirs.is_model_ready("nothing")
