"""The rules of the serving engine: runtime/src/readers.test.ts has the same values."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate_pipelines.documents import read_yaml

ROOT = Path(__file__).parents[2]
SCALARS = """
on off yes no y n true False TRUE null Null ~ 1 01 -7 +7 1_000 0o17 0x1F 017 1.0 1.10 .5 5. 1e3 1E-3 12:30 2026-12-01
2026-12-01T10:00:00Z .inf 0b11 1.2.3 -0 << = abc
""".split()  # noqa: SIM905 (a list of words reads best)


def test_each_plain_value_is_what_the_serving_engine_reads() -> None:
    document = "".join(f"k{n}: {value}\n" for n, value in enumerate(SCALARS)) + "empty:\n"
    script = (
        "import('./runtime/src/parse-yaml.ts').then(({ parseYaml }) => console.log(JSON.stringify("
        "parseYaml(require('node:fs').readFileSync(0, 'utf8')), (_, v) => v === Infinity ? 'Infinity' : v)))"
    )
    command = ["node_modules/.bin/node", "--input-type=commonjs", "-e", script]
    told = subprocess.run(command, cwd=ROOT, input=document, capture_output=True, text=True, check=True)
    ours: dict[str, Any] = read_yaml(document.encode())
    theirs = json.loads(told.stdout)
    ours = {key: "Infinity" if value == float("inf") else value for key, value in ours.items()}
    assert ours == theirs
    assert {key: isinstance(value, str) for key, value in ours.items()} == {
        key: isinstance(value, str) for key, value in theirs.items()
    }


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", b"---\na: 1 # why\n...\n", b'{"a": 1}'])
def test_forgives_what_the_serving_engine_forgives(data: bytes) -> None:
    assert read_yaml(data) == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [b"a: 1\na: 2", b"a: &b {c: 1}\nd: {<<: *b}", b"a: *b", b"a: !x 1", b"a:\n\tb: 1", b"a: 1\n---\nb: 2", b"a: \xe9"],
)
def test_refuses_what_the_serving_engine_refuses(data: bytes) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(data)


def test_refuses_utf_16() -> None:
    with pytest.raises(yaml.YAMLError, match="UTF-8"):
        read_yaml("a: 1".encode("utf-16"))
