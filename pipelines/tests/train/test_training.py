import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from headgate_pipelines.data.index import read_images, read_index
from headgate_pipelines.data.version import data_version
from headgate_pipelines.engine import load, probe
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.train.training import source_name, train
from headgate_pipelines.workspace import Workspace
from tests.train.pictures import BARS, SETTINGS, bars, params_of, picture, workspace_of, write_data


def files_of(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in workspace.version.iterdir()}


@pytest.mark.parametrize("backbone", ["digits/1", "efficientnet-lite0/1"])
def test_the_real_engine_recognises_what_was_held_out(tmp_path: Path, backbone: str) -> None:
    workspace = workspace_of(tmp_path)
    train(workspace, params_of(backbone), SETTINGS)
    items = read_index(workspace.data, "holdout")
    images = [(item.source, image) for item, image in read_images(workspace.data, items)]
    answers = list(probe(workspace.version, images, SETTINGS))
    assert [BARS[answer.class_ids[0]] for answer in answers] == [item.label for item in items]


def test_the_version_says_what_it_was_trained_on_and_has_its_golden_images(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    train(workspace, params_of(), SETTINGS)
    manifest = yaml.safe_load((workspace.version / "manifest.yaml").read_text())
    assert (manifest["name"], manifest["version"]) == ("bars", "0")
    assert manifest["provenance"]["data_version"] == data_version(workspace)
    assert (manifest["outputs"][0]["name"], manifest["image"]["activation"]) == ("probabilities", "none")
    assert load(workspace.version, SETTINGS).compared == len(BARS)


def test_training_again_gives_the_same_bytes_with_and_without_the_cache(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    train(workspace, params_of(), SETTINGS)
    first = files_of(workspace)
    train(workspace, params_of(), SETTINGS)
    assert files_of(workspace) == first
    shutil.rmtree(workspace.cache)
    train(workspace, params_of(), SETTINGS)
    assert files_of(workspace) == first


def test_shuffled_labels_make_another_model_that_says_so(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    train(workspace, params_of(), SETTINGS)
    honest = files_of(workspace)
    train(workspace, params_of(), SETTINGS, shuffle_labels=True)
    shuffled = files_of(workspace)
    assert shuffled["model.onnx"] != honest["model.onnx"]
    assert b"NEGATIVE CONTROL" in shuffled["manifest.yaml"]


def test_a_version_that_the_engine_refuses_leaves_the_last_one_in_place(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "workspace")
    train(workspace, params_of(), SETTINGS)
    before = files_of(workspace)
    node = tmp_path / "node"
    # The first start looks for golden samples, the second one compares them.
    node.write_text(
        f'#!/bin/sh\nif mkdir {tmp_path}/started 2>/dev/null; then exec {SETTINGS.node} "$@"; fi\n'
        "echo golden sample differs >&2\nexit 2\n"
    )
    node.chmod(0o755)
    write_data(workspace.data, bars(each=12), BARS)
    with pytest.raises(Refused, match="golden sample differs"):
        train(workspace, params_of(), replace(SETTINGS, node=node))
    assert files_of(workspace) == before
    assert not list(workspace.root.glob(".version-*"))


def test_refuses_data_that_makes_no_classifier(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(PipelineError, match="data is empty"):
        train(workspace, params_of(), SETTINGS)
    write_data(workspace.data, bars(["top"]), ["top"])
    with pytest.raises(Refused, match="one label only: top"):
        train(workspace, params_of(), SETTINGS)
    write_data(workspace.data, bars(["top", "middle"]), BARS)
    with pytest.raises(Refused, match="no training image has the label bottom"):
        train(workspace, params_of(), SETTINGS)
    write_data(workspace.data, bars(), ["top", "middle"])
    with pytest.raises(Refused, match="lacks bottom"):
        train(workspace, params_of(), SETTINGS)
    write_data(workspace.data, [one for one in bars() if one[1] == "train"], BARS)
    with pytest.raises(Refused, match="the holdout has no image"):
        train(workspace, params_of(), SETTINGS)


def test_an_image_that_changed_since_ingest_ends_the_training(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    shard = workspace.data / "shards" / "0.tar"
    shard.write_bytes(shard.read_bytes().replace(picture("middle", 1000), picture("middle", 1000)[:-1] + b"!"))
    with pytest.raises(PipelineError, match=r"middle/1\.png is not the image of the index"):
        train(workspace, params_of(), SETTINGS)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("../../../home/ann/birds", "birds"),
        ("../../../home/ann/run:1", "run:1"),
        ("captures:../export/march", "captures:march"),
        ("s3://bucket/birds/march", "s3://bucket/birds/march"),
    ],
)
def test_a_version_names_its_source_without_the_folders_above_it(source: str, named: str) -> None:
    assert source_name(source) == named
