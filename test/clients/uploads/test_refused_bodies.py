"""413 and 408 arrive as problem bodies, whichever client is still sending (decision 0125)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

UPLOAD = Path(__file__).with_name("upload.py")
MIB = 2**20

CLIENTS = ["requests", "requests-old", "httpx-http1", "httpx-http2", "aiohttp", "curl-http1.1", "curl-http2"]
EXPECT = [{}, {"Expect": "100-continue"}]


def by_curl(context: dict, version: str, headers: dict, size: int, shape: str, pause_s: float) -> dict:
    body = Path(context["dir"]) / f"{size}.bin"
    if not body.exists():
        body.write_bytes(bytes(size))
    fields = {"Content-Type": "image/jpeg", "X-API-Key": context["keys"]["bench"], "Expect": "", **headers}
    if shape == "chunks":
        fields["Transfer-Encoding"] = "chunked"
    command = ["curl", "-sS", f"--{version}", "--max-time", "60", "--cacert", context["caFile"]]
    command += [arg for name, value in fields.items() for arg in ("-H", f"{name}: {value}".rstrip())]
    if pause_s > 0:
        command += ["--limit-rate", str(int(64 * 1024 / pause_s))]
    command += ["-X", "POST", "-T", str(body), "-w", "\n%{http_code}", f"{context['https']}/predict"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    problem, status = run.stdout.rsplit("\n", 1)
    return {"status": int(status), "problem": json.loads(problem)}


def upload(context: dict, client: str, headers: dict, size: int, shape: str, pause_s: float = 0) -> dict:
    if client.startswith("curl-"):
        return by_curl(context, client.removeprefix("curl-"), headers, size, shape, pause_s)
    python = context["pythons"]["http-old"] if client == "requests-old" else sys.executable
    name = client.removesuffix("-old")
    address = [f"{context['https']}/predict", context["caFile"], context["keys"]["bench"]]
    command = [python, str(UPLOAD), name, *address, json.dumps(headers), str(size), shape, str(pause_s)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-600:]
    return json.loads(run.stdout)


@pytest.mark.parametrize("expect", EXPECT, ids=["", "with-expect"])
@pytest.mark.parametrize("shape", ["length", "chunks"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_body_above_the_limit_is_answered_with_413(context, client, shape, expect):
    answer = upload(context, client, expect, 11 * MIB, shape)
    assert (answer["status"], answer["problem"]["reason"]) == (413, "body_too_large")
    assert "at most 10485760 bytes" in answer["problem"]["detail"]


@pytest.mark.parametrize("shape", ["length", "chunks"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_body_of_the_most_that_is_read_is_answered_with_413(context, client, shape):
    if client == "httpx-http2" and shape == "length":
        pytest.skip("httpx copies the rest for each frame: 64 MiB from one `bytes` take it half a minute")
    answer = upload(context, client, {}, 64 * MIB, shape)
    assert (answer["status"], answer["problem"]["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize("client", CLIENTS)
def test_an_upload_that_takes_longer_than_granted_is_answered_with_408(context, client):
    answer = upload(context, client, {"X-Headgate-Timeout-Ms": "1000"}, 20 * 64 * 1024, "chunks", 0.1)
    assert (answer["status"], answer["problem"]["reason"]) == (408, "upload_timeout")
    assert "The time limit of this request is 1 s" in answer["problem"]["detail"]
