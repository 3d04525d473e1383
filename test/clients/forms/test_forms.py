"""Photos in forms, sent by the HTTP libraries that people use, over TLS through Envoy; each answer has the name of the file."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart

import aiohttp
import httpx
import pytest
import requests
import urllib3

NAME = 'Kätzchen "写真" 7.png'


@pytest.fixture
def url(context) -> str:
    return f"{context['https']}/v1/models/digits/predict"


@pytest.fixture
def key(context) -> dict[str, str]:
    return {"X-API-Key": context["keys"]["bench"]}


def check(answer: dict, name: str | None = NAME) -> None:
    [prediction] = answer["predictions"]
    assert prediction["filename"] == name
    assert prediction["top"][0]["label"] == "7"


def test_requests(context, url, key, seven):
    answer = requests.post(url, files={"image": (NAME, seven)}, headers=key, verify=context["caFile"], timeout=30)
    check(answer.json())


def test_requests_without_a_name_under_another_field(context, url, key, seven):
    files = {"photo": (None, seven)}
    answer = requests.post(url, files=files, headers=key, verify=context["caFile"], timeout=30)
    check(answer.json(), None)


def test_urllib3_with_the_names_of_its_first_version(context, url, key, seven):
    field = urllib3.fields.RequestField(
        "image", seven, filename=NAME, header_formatter=urllib3.fields.format_header_param_rfc2231
    )
    field.make_multipart(content_type="image/*")
    with urllib3.PoolManager(ca_certs=context["caFile"]) as pool:
        check(pool.request("POST", url, fields=[field], headers=key).json())


def test_httpx(context, url, key, seven):
    trust = ssl.create_default_context(cafile=context["caFile"])
    with httpx.Client(verify=trust) as client:
        check(client.post(url, files={"image": (NAME, seven, "image/jpeg")}, headers=key).json())


@pytest.mark.parametrize("quote_fields", [True, False])
def test_aiohttp(context, url, key, seven, quote_fields):
    async def send() -> dict:
        form = aiohttp.FormData(quote_fields=quote_fields)
        form.add_field("image", seven, filename=NAME)
        trust = ssl.create_default_context(cafile=context["caFile"])
        async with (
            aiohttp.ClientSession(headers=key) as session,
            session.post(url, data=form, ssl=trust) as answer,
        ):
            return await answer.json()

    check(asyncio.run(send()))


@pytest.mark.parametrize("as_base64", [False, True])
def test_the_email_package(context, url, key, seven, as_base64):
    form = MIMEMultipart("form-data")
    image = MIMEImage(seven, "png")
    image.add_header("Content-Disposition", "form-data", name="image", filename=("utf-8", "", NAME))
    form.attach(image)
    body = form.as_bytes().split(b"\n\n", 1)[1]
    if not as_base64:
        del image["Content-Transfer-Encoding"]
        image.set_payload("@")
        body = form.as_bytes().split(b"\n\n", 1)[1].replace(b"\n\n@\n", b"\n\n" + seven + b"\n")
    headers = {**key, "Content-Type": form["Content-Type"].replace("\n", "")}
    answer = requests.post(url, data=body, headers=headers, verify=context["caFile"], timeout=30)
    if as_base64:
        assert answer.status_code == 400
        assert "send the bytes of the file as they are" in answer.json()["detail"]
    else:
        check(answer.json())


def test_curl(context, url, key, seven, tmp_path):
    (tmp_path / NAME).write_bytes(seven)
    file = NAME.replace('"', '\\"')
    check(run(["curl", "-sS", "--cacert", context["caFile"], "-H", f"X-API-Key: {key['X-API-Key']}",
               "-F", f'image=@"{file}"', url], tmp_path))  # fmt: skip


def test_curl_with_the_type_of_web_forms(context, url, key, seven, tmp_path):
    (tmp_path / "a.png").write_bytes(seven)
    check(run(["curl", "-sS", "--cacert", context["caFile"], "-H", f"X-API-Key: {key['X-API-Key']}",
               "--data-binary", "@a.png", url], tmp_path), None)  # fmt: skip


GO = """package main
import ("bytes"; "crypto/tls"; "crypto/x509"; "io"; "mime/multipart"; "net/http"; "os")
func main() {
	url, key, ca, photo, name := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("image", name)
	data, _ := os.ReadFile(photo)
	part.Write(data)
	form.Close()
	pem, _ := os.ReadFile(ca)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	request, _ := http.NewRequest("POST", url, &body)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("X-API-Key", key)
	answer, err := client.Do(request)
	if err != nil { panic(err) }
	io.Copy(os.Stdout, answer.Body)
}
"""


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_go(context, url, key, seven, tmp_path):
    (tmp_path / "a.png").write_bytes(seven)
    (tmp_path / "main.go").write_text(GO)
    check(run(["go", "run", "main.go", url, key["X-API-Key"], context["caFile"], "a.png", NAME], tmp_path))


NODE = """
const [url, key, name] = process.argv.slice(1);
const form = new FormData();
form.append('image', new Blob([require('fs').readFileSync('a.png')]), name);
fetch(url, { method: 'POST', headers: { 'x-api-key': key }, body: form }).then((a) => a.text()).then(console.log);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node on the PATH")
def test_node(context, url, key, seven, tmp_path):
    (tmp_path / "a.png").write_bytes(seven)
    ca = {"NODE_EXTRA_CA_CERTS": context["caFile"]}
    check(run(["node", "-e", NODE, url, key["X-API-Key"], NAME], tmp_path, ca))


def run(command: list[str], folder, env: dict[str, str] | None = None) -> dict:
    """The JSON that a program prints."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
