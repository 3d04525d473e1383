"""The same calls to MLServer and to Headgate by REST: equal answers, but for what docs/clients.md lists."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True)
class Rest:
    """One server."""

    base: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, body: object = None) -> tuple[int, dict]:
        """Status and JSON; an empty body counts as an empty object."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **self.headers}
        request = urllib.request.Request(self.base + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")


@pytest.fixture(scope="module")
def ours(context):
    return Rest(context["gateway"], {"X-API-Key": context["keys"]["admin"]})


@pytest.fixture(scope="module")
def theirs(reference):
    return Rest(f"http://{reference.http}")


X = {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [0.5, -1, 2, 3, 4, 5]}
IDS = {"name": "ids", "datatype": "INT64", "shape": [2, 2], "data": [1, 2, 3, 4]}
INFER = "/v2/models/affine/infer"


def worded_alike(answer: dict) -> dict:
    """Everything in an answer but what the two servers are known to word differently."""
    outputs = [
        {key: output[key] for key in ("name", "datatype", "shape", "data")} for output in answer["outputs"]
    ]
    for output in outputs:
        # MLServer's numpy codec gives vectors a second dimension of 1; the model and its metadata say [n].
        if output["name"] == "sum":
            output["shape"] = output["shape"][:1]
    rest = {key: value for key, value in answer.items() if key not in ("parameters", "outputs")}
    return {**rest, "outputs": outputs}


REQUESTS = {
    "flat data": {"id": "a-1", "inputs": [X, IDS]},
    "nested data": {"id": "a-1", "inputs": [{**X, "data": [[0.5, -1, 2], [3, 4, 5]]}, IDS]},
    "inputs in another order": {"id": "a-1", "inputs": [IDS, X]},
    "one output": {"id": "a-1", "inputs": [X, IDS], "outputs": [{"name": "sum"}]},
    "two outputs": {"id": "a-1", "inputs": [X, IDS], "outputs": [{"name": "next"}, {"name": "scaled"}]},
    "parameters": {"id": "a-1", "parameters": {"mine": "yes"}, "inputs": [X, IDS]},
    "no outputs named": {"id": "a-1", "inputs": [X, IDS], "outputs": []},
}


@pytest.mark.parametrize("path", [INFER, "/v2/models/affine/versions/1/infer"])
@pytest.mark.parametrize("name", REQUESTS)
def test_the_answers_are_the_same(ours, theirs, path, name):
    our_status, our_answer = ours.call(path, REQUESTS[name])
    their_status, their_answer = theirs.call(path, REQUESTS[name])
    assert our_status == their_status == 200
    assert worded_alike(our_answer) == worded_alike(their_answer)


def test_both_make_an_id_when_the_caller_has_none(ours, theirs):
    for server in (ours, theirs):
        _, answer = server.call(INFER, {"inputs": [X, IDS]})
        assert len(answer["id"]) == 36


@pytest.mark.parametrize(
    "path",
    ["/v2/health/live", "/v2/health/ready", "/v2/models/affine/ready", "/v2/models/affine/versions/1/ready"],
)
def test_both_are_live_and_ready(ours, theirs, path):
    assert ours.call(path)[0] == theirs.call(path)[0] == 200


def test_the_tensors_in_the_metadata_are_the_same(ours, theirs):
    def tensors(server: Rest) -> dict:
        _, metadata = server.call("/v2/models/affine")
        return {part: metadata[part] for part in ("name", "inputs", "outputs")}

    assert tensors(ours) == tensors(theirs)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/nothing", None),
        ("/v2/models/nothing/ready", None),
        ("/v2/models/affine/versions/9/ready", None),
        ("/v2/models/nothing/infer", {"inputs": [X, IDS]}),
        (INFER, {"inputs": [X]}),
        (INFER, {"inputs": [X, IDS], "outputs": [{"name": "nothing"}]}),
    ],
)
def test_both_refuse_alike(ours, theirs, path, body):
    our_status, our_answer = ours.call(path, body)
    their_status, their_answer = theirs.call(path, body)
    assert our_status == their_status
    assert isinstance(our_answer["error"], str)
    assert isinstance(their_answer["error"], str)


def test_headgate_says_400_where_mlserver_calls_it_unprocessable(ours, theirs):
    for body in ({"inputs": "x"}, {}):
        assert (ours.call(INFER, body)[0], theirs.call(INFER, body)[0]) == (400, 422)
        assert isinstance(ours.call(INFER, body)[1]["error"], str)


def test_headgate_says_400_where_mlserver_fails(ours):
    status, answer = ours.call(INFER, {"inputs": [{**X, "shape": [2, 4]}, IDS]})
    assert status == 400
    assert "inputs[0]" in answer["error"]
