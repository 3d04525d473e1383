"""The manifests: true about the files beside them, judged by what a person sees, and as the contract says."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.labels import imagenet_labels
from headgate_pipelines.convert.manifest import to_yaml
from headgate_pipelines.convert.photos import SAMPLES
from tests.convert.conftest import CHECKOUT

VERSIONS = ("1", "2")
PARSE = """
import { readFileSync } from 'node:fs';
import { manifestSchema } from './contracts/src/manifest.ts';
import { parse } from 'yaml';
for (const file of process.argv.slice(1)) manifestSchema.parse(parse(readFileSync(file, 'utf8')));
console.log('accepted', process.argv.length - 1);
"""


def folder(root: Path, version: str) -> Path:
    return root / "models/efficientnet-lite0" / version


def read(path: Path) -> Any:
    return yaml.safe_load((path / "manifest.yaml").read_text("utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
def test_digest_and_size_are_those_of_the_model_file(built: Path, version: str) -> None:
    data = (folder(built, version) / "model.onnx").read_bytes()
    assert read(folder(built, version))["file"] == {
        "path": "model.onnx",
        "sha256": sha256(data),
        "bytes": len(data),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_golden_samples_are_the_files_and_what_a_person_sees(built: Path, version: str) -> None:
    golden = {sample["file"]: sample for sample in read(folder(built, version))["golden"]["samples"]}
    assert set(golden) == {photo.file for photo in SAMPLES}
    for photo in SAMPLES:
        sample = golden[photo.file]
        assert sample["sha256"] == sha256((built / "samples" / photo.file).read_bytes())
        assert sample["top"][0]["class_id"] in photo.class_ids, photo.shows
        ranked = [best["score"] for best in sample["top"]]
        assert len(ranked) == 5
        assert ranked == sorted(ranked, reverse=True)
        assert 0 < sum(ranked) <= 1


@pytest.mark.parametrize("version", VERSIONS)
def test_names_a_label_for_each_of_the_1000_classes(built: Path, version: str) -> None:
    labels = json.loads((folder(built, version) / "labels.json").read_text("utf-8"))
    assert labels == imagenet_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert read(folder(built, version))["outputs"][0]["shape"] == [-1, 1000]
    seen = {index: labels[index] for index in (0, 281, 282, 283, 285, 665, 872, 967)}
    assert seen == {
        0: "tench",
        281: "tabby",
        282: "tiger cat",
        283: "Persian cat",
        285: "Egyptian cat",
        665: "moped",
        872: "tripod",
        967: "espresso",
    }


def test_strings_stay_strings_for_readers_of_yaml_1_2() -> None:
    """`12e4567…` is a number to them unless it is quoted."""
    text = to_yaml({"sha256": "12e" + "4" * 61, "version": "1", "count": 1}).decode()
    assert text == f'sha256: "12e{"4" * 61}"\nversion: "1"\ncount: 1\n'


def test_the_contract_accepts_every_manifest(built: Path) -> None:
    """Read by the real schema, contracts/src/manifest.ts, where Node 24 and its packages are installed."""
    binaries = CHECKOUT / "node_modules/.bin"
    if not (binaries / "node").exists():
        pytest.skip("node_modules is not installed")
    manifests = [folder(built, version) / "manifest.yaml" for version in VERSIONS]
    manifests.append(CHECKOUT / "models/digits/1/manifest.yaml")
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    node = shutil.which("node", path=environment["PATH"])
    command = [str(node), "--input-type=module", "-e", PARSE, *map(str, manifests)]
    result = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout == "accepted 3\n", result.stderr
