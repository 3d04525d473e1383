"""tritonclient.http, synchronous, by both ways in."""

import numpy as np
import pytest
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

from http_support import PATHS, connect, inputs_of, key
from tensors import EXAMPLES, affine_answers, affine_arrays, expected, image_array

# JSON has no way to write halves exactly, and numbers beyond 2^53 lose digits there: those travel in binary.
JSON_EXAMPLES = {
    name: np.minimum(array, 2**53 - 1) if name == "UINT64" else array
    for name, array in EXAMPLES.items()
    if name not in ("FP16", "INT64")
}
ECHOES = {f"in_{name.lower()}": array for name, array in EXAMPLES.items()}


@pytest.fixture(scope="module", params=PATHS)
def client(context, request):
    with connect(context, request.param) as client:
        yield client


@pytest.fixture(scope="module")
def headers(context):
    """Makes headers for one call: the client writes into the dictionary that it gets."""
    return lambda: key(context)


def test_is_live_and_ready(client, headers):
    assert client.is_server_live(headers=headers()) is True
    assert client.is_server_ready(headers=headers()) is True
    assert client.is_model_ready("digits", headers=headers()) is True
    assert client.is_model_ready("digits", "1", headers=headers()) is True


def test_says_no_when_asked_whether_an_unknown_model_is_ready(client, headers):
    assert client.is_model_ready("nothing", headers=headers()) is False
    assert client.is_model_ready("digits", "999", headers=headers()) is False


def test_describes_the_server_and_a_model(client, headers):
    server = client.get_server_metadata(headers=headers())
    assert server["name"] == "headgate"
    assert {"binary_tensor_data", "model_repository", "statistics"} <= set(server["extensions"])
    model = client.get_model_metadata("affine", headers=headers())
    assert model["versions"] == ["1"]
    assert model["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": [-1, 3]}


def test_shows_the_configuration(client, headers):
    config = client.get_model_config("affine", headers=headers())
    assert config["max_batch_size"] == 4
    assert [tensor["dims"] for tensor in config["input"]] == [[3], [2]]


def test_counts(client, headers):
    def successes() -> int:
        [row] = client.get_inference_statistics("affine", "1", headers=headers())["model_stats"]
        return int(row["inference_stats"]["success"]["count"])

    before = successes()
    client.infer("affine", inputs_of(affine_arrays()), headers=headers())
    assert successes() == before + 1
    assert client.get_inference_statistics(headers=headers())["model_stats"]


def test_carries_every_datatype_in_binary(client, headers):
    result = client.infer("echo-all", inputs_of(ECHOES), headers=headers())
    for datatype in EXAMPLES:
        answered = result.as_numpy(f"out_{datatype.lower()}")
        assert answered.dtype == expected(datatype).dtype
        np.testing.assert_array_equal(answered, expected(datatype))


def test_carries_datatypes_in_json(client, headers):
    finite = {
        f"in_{name.lower()}": np.nan_to_num(array) if name.startswith("FP") else array
        for name, array in JSON_EXAMPLES.items()
    }
    others = {name: array for name, array in ECHOES.items() if name not in finite}
    names = [f"out_{name.lower()}" for name in JSON_EXAMPLES]
    result = client.infer(
        "echo-all",
        inputs_of(finite, binary=False) + inputs_of(others),
        outputs=[httpclient.InferRequestedOutput(name, binary_data=False) for name in names],
        headers=headers(),
    )
    for name in names:
        # In JSON, text stays text.
        np.testing.assert_array_equal(result.as_numpy(name), finite[name.replace("out_", "in_")])


@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "json in"])
@pytest.mark.parametrize("binary_out", [True, False], ids=["binary out", "json out"])
def test_answers_the_outputs_that_were_asked_for(client, headers, binary_in, binary_out):
    outputs = [httpclient.InferRequestedOutput(name, binary_data=binary_out) for name in ("next", "sum")]
    inputs = inputs_of(affine_arrays(), binary=binary_in)
    result = client.infer("affine", inputs, outputs=outputs, request_id="mine-4", headers=headers())
    assert result.get_response()["id"] == "mine-4"
    assert [output["name"] for output in result.get_response()["outputs"]] == ["next", "sum"]
    assert ("data" in result.get_output("sum")) is not binary_out
    for name in ("next", "sum"):
        np.testing.assert_array_equal(result.as_numpy(name), affine_answers()[name])


def test_mixes_binary_and_json_in_one_call(client, headers):
    arrays = affine_arrays()
    inputs = inputs_of({"x": arrays["x"]}) + inputs_of({"ids": arrays["ids"]}, binary=False)
    outputs = [
        httpclient.InferRequestedOutput("scaled", binary_data=False),
        httpclient.InferRequestedOutput("next", binary_data=True),
    ]
    result = client.infer("affine", inputs, outputs=outputs, headers=headers())
    np.testing.assert_array_equal(result.as_numpy("scaled"), affine_answers()["scaled"])
    np.testing.assert_array_equal(result.as_numpy("next"), affine_answers()["next"])


def test_recognises_pictures(client, headers, seven):
    result = client.infer("digits", inputs_of({"image": image_array(seven, seven)}), headers=headers())
    assert [row[0] for row in result.as_numpy("label")] == [b"7", b"7"]
    assert result.as_numpy("score")[0][0] > 0.5


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compresses_both_ways(client, headers, algorithm):
    result = client.infer(
        "affine",
        inputs_of(affine_arrays()),
        headers=headers(),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("sum"), affine_answers()["sum"])


def test_answers_asynchronous_calls(client, headers):
    calls = [client.async_infer("affine", inputs_of(affine_arrays()), headers=headers()) for _ in range(4)]
    for call in calls:
        np.testing.assert_array_equal(call.get_result().as_numpy("sum"), affine_answers()["sum"])


def refusal(client, model: str, arrays: dict[str, np.ndarray], **options) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, inputs_of(arrays), **options)
    return raised.value


def test_raises_what_the_server_says(client, headers, seven):
    unknown = refusal(client, "nothing", affine_arrays(), headers=headers())
    assert unknown.status() == "404"
    assert "nothing" not in unknown.message()
    wide = {**affine_arrays(), "x": np.zeros((2, 4), dtype=np.float32)}
    wrong = refusal(client, "affine", wide, headers=headers())
    assert (wrong.status(), wrong.message()) == ("400", "inputs[0].shape: expected [n, 3].")
    assert refusal(client, "digits", {"image": image_array(seven[:100])}, headers=headers()).status() == "422"
    for call in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
        with pytest.raises(InferenceServerException, match="404"):
            call("nothing", headers=headers())


def test_ends_at_the_timeout_in_the_request(client, headers):
    one = {"x": np.zeros((1, 1), dtype=np.float32)}
    # In microseconds: too little for anything.
    assert refusal(client, "patient", one, headers=headers(), timeout=1).status() == "504"


def test_wants_a_key(client, context):
    assert refusal(client, "affine", affine_arrays()).status() == "401"
    wrong = refusal(client, "affine", affine_arrays(), headers={"X-API-Key": "hg_nobody_" + "0" * 43})
    assert wrong.status() == "403"
    assert "exception occurred in the client" not in wrong.message()
