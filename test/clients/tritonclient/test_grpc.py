"""tritonclient.grpc, synchronous."""

import contextlib
import threading

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tensors import EXAMPLES, affine_answers, affine_arrays, expected, image_array


def inputs_of(arrays: dict[str, np.ndarray]) -> list:
    inputs = []
    for name, array in arrays.items():
        one = grpcclient.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array)
        inputs.append(one)
    return inputs


@pytest.fixture(scope="module")
def client(grpc_address):
    with grpcclient.InferenceServerClient(grpc_address) as client:
        yield client


def test_is_live_and_ready(client):
    assert client.is_server_live() is True
    assert client.is_server_ready() is True
    assert client.is_model_ready("digits") is True
    assert client.is_model_ready("digits", "1") is True


def test_says_no_when_asked_whether_an_unknown_model_is_ready(client):
    assert client.is_model_ready("nothing") is False
    assert client.is_model_ready("digits", "999") is False


def test_describes_the_server_and_a_model(client):
    server = client.get_server_metadata(as_json=True)
    assert server["name"] == "headgate"
    assert {"model_repository", "statistics", "model_configuration"} <= set(server["extensions"])
    model = client.get_model_metadata("affine", as_json=True)
    assert model["versions"] == ["1"]
    assert model["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": ["-1", "3"]}
    assert [output["name"] for output in model["outputs"]] == ["scaled", "sum", "next"]


def test_shows_the_configuration(client):
    config = client.get_model_config("affine").config
    assert config.max_batch_size == 4
    assert config.platform == "onnxruntime_onnx"
    assert [list(tensor.dims) for tensor in config.input] == [[3], [2]]


def test_shows_the_queue_policy_in_the_fields_that_triton_has_for_it(client):
    batching = client.get_model_config("patient").config.dynamic_batching
    assert batching.max_queue_delay_microseconds == 1_000_000
    assert (batching.priority_levels, batching.default_priority_level) == (2, 1)
    policy = batching.default_queue_policy
    assert policy.timeout_action == policy.REJECT
    assert policy.default_timeout_microseconds == 20_000_000
    assert policy.allow_timeout_override is True
    assert policy.max_queue_size == 16


def test_counts(client):
    def successes() -> int:
        [row] = client.get_inference_statistics("affine", "1").model_stats
        return row.inference_stats.success.count

    before = successes()
    client.infer("affine", inputs_of(affine_arrays()))
    assert successes() == before + 1


@pytest.mark.parametrize("datatype", EXAMPLES)
def test_carries_every_datatype(client, datatype):
    arrays = {f"in_{name.lower()}": array for name, array in EXAMPLES.items()}
    result = client.infer("echo-all", inputs_of(arrays))
    answered = result.as_numpy(f"out_{datatype.lower()}")
    assert answered.dtype == expected(datatype).dtype
    np.testing.assert_array_equal(answered, expected(datatype))


def test_answers_every_output_when_none_is_asked_for(client):
    result = client.infer("affine", inputs_of(affine_arrays()))
    assert [output.name for output in result.get_response().outputs] == ["scaled", "sum", "next"]
    for name, values in affine_answers().items():
        np.testing.assert_array_equal(result.as_numpy(name), values)


def test_answers_the_outputs_that_were_asked_for(client):
    asked = [grpcclient.InferRequestedOutput(name) for name in ("next", "sum")]
    result = client.infer("affine", inputs_of(affine_arrays()), outputs=asked)
    assert [output.name for output in result.get_response().outputs] == ["next", "sum"]
    assert result.as_numpy("scaled") is None


def test_returns_the_request_id(client):
    result = client.infer("affine", inputs_of(affine_arrays()), request_id="mine-1")
    assert result.get_response().id == "mine-1"


def test_takes_a_version_and_parameters_of_the_callers_own(client):
    arrays = inputs_of(affine_arrays())
    result = client.infer("affine", arrays, model_version="1", priority=1, parameters={"note": "mine"})
    assert result.get_response().model_version == "1"


def test_recognises_pictures(client, seven):
    result = client.infer("digits", inputs_of({"image": image_array(seven, seven)}))
    assert result.as_numpy("label").shape == (2, 5)
    assert [row[0] for row in result.as_numpy("label")] == [b"7", b"7"]
    assert result.as_numpy("class_id")[0][0] == 7
    assert result.as_numpy("score")[0][0] > 0.5


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_takes_compressed_requests(client, algorithm):
    result = client.infer("affine", inputs_of(affine_arrays()), compression_algorithm=algorithm)
    np.testing.assert_array_equal(result.as_numpy("sum"), affine_answers()["sum"])


def refusal(client, model: str, arrays: dict[str, np.ndarray], **options) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, inputs_of(arrays), **options)
    return raised.value


def test_raises_what_the_server_says(client, seven):
    unknown = refusal(client, "nothing", affine_arrays())
    assert unknown.status() == "StatusCode.NOT_FOUND"
    assert unknown.message() == "model_name: no model of this name is served here."
    wide = {**affine_arrays(), "x": np.zeros((2, 4), dtype=np.float32)}
    assert refusal(client, "affine", wide).status() == "StatusCode.INVALID_ARGUMENT"
    assert "inputs[0].shape: expected [n, 3]" in refusal(client, "affine", wide).message()
    damaged = refusal(client, "digits", {"image": image_array(seven[:100])})
    assert damaged.status() == "StatusCode.INVALID_ARGUMENT"


def test_raises_for_models_and_versions_that_are_not_there(client):
    for call in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
        with pytest.raises(InferenceServerException, match="NOT_FOUND"):
            call("nothing")


def patient_inputs() -> list:
    return inputs_of({"x": np.zeros((1, 1), dtype=np.float32)})


def test_ends_at_the_callers_deadline(client):
    late = refusal(client, "patient", {"x": np.zeros((1, 1), dtype=np.float32)}, client_timeout=0.01)
    assert late.status() == "StatusCode.DEADLINE_EXCEEDED"


def test_ends_at_the_timeout_in_the_request(client):
    # In microseconds: too little for anything.
    late = refusal(client, "patient", {"x": np.zeros((1, 1), dtype=np.float32)}, timeout=1)
    assert late.status() == "StatusCode.DEADLINE_EXCEEDED"


def test_answers_asynchronous_calls(client):
    done, answers = threading.Event(), []

    def answered(result, error):
        answers.append((result, error))
        done.set()

    client.async_infer("affine", inputs_of(affine_arrays()), answered)
    assert done.wait(10)
    [(result, error)] = answers
    assert error is None
    np.testing.assert_array_equal(result.as_numpy("sum"), affine_answers()["sum"])


def test_cancels_a_call(client):
    done, errors = threading.Event(), []

    def answered(result, error):
        errors.append(error)
        done.set()

    call = client.async_infer("patient", patient_inputs(), answered)
    call.cancel()
    assert done.wait(10)
    [error] = errors
    assert "Locally cancelled by application!" in error.message()
    assert client.is_server_live()


def test_streams_calls_with_and_without_ids(client):
    answers, done = [], threading.Event()

    def answered(result, error):
        answers.append((result, error))
        if len(answers) == 4:
            done.set()

    client.start_stream(answered)
    for request_id in ("a", "b", ""):
        client.async_stream_infer("affine", inputs_of(affine_arrays()), request_id=request_id)
    client.async_stream_infer("nothing", inputs_of(affine_arrays()), request_id="c")
    assert done.wait(10)
    client.stop_stream()
    results = [result for result, error in answers if error is None]
    assert sorted(result.get_response().id for result in results) == ["", "a", "b"]
    for result in results:
        for name, array in affine_answers().items():
            np.testing.assert_allclose(result.as_numpy(name), array, rtol=1e-6)
    errors = [error for _, error in answers if error is not None]
    assert len(errors) == 1
    assert "no model of this name" in errors[0].message()
