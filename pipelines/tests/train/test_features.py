from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from headgate_pipelines.data.index import read_index
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.train.backbone import Backbone, open_backbone
from headgate_pipelines.train.features import BACKBONES, features_of
from headgate_pipelines.workspace import Workspace
from tests.train.pictures import SETTINGS, workspace_of

MODELS = SETTINGS.root / "models"
DIGITS = open_backbone(MODELS, "digits/1")


def features(workspace: Workspace, backbone: Backbone = DIGITS) -> np.ndarray:
    return features_of(backbone, workspace.data, read_index(workspace.data, "train"), workspace.cache)


def spoil_images(workspace: Workspace) -> None:
    """Without its shards, an image can only come from the cache."""
    (workspace.data / "shards" / "0.tar").write_bytes(b"")


def cache_file(workspace: Workspace) -> Path:
    (path,) = workspace.cache.iterdir()
    return path


@pytest.mark.parametrize(("name", "width"), [("digits/1", 64), ("efficientnet-lite0/1", 1280)])
def test_cuts_a_backbone_before_its_classifier(name: str, width: int) -> None:
    backbone = open_backbone(MODELS, name)
    assert backbone.width == width
    assert len(backbone.graph.graph.node) == len(onnx.load(MODELS / name / "model.onnx").graph.node) - 1


def test_refuses_what_cannot_be_a_backbone(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="there is no backbone"):
        open_backbone(MODELS, "digits/77")
    folder = tmp_path / "odd" / "1"
    folder.mkdir(parents=True)
    for file in (MODELS / "digits" / "1").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.onnx").write_bytes(b"another model")
    with pytest.raises(Refused, match="not the file of its manifest"):
        open_backbone(tmp_path, "odd/1")


def test_takes_features_from_the_cache_and_computes_only_new_ones(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    first = features(workspace)
    spoil_images(workspace)
    np.testing.assert_array_equal(features(workspace), first)


def test_computes_all_features_again_where_the_cache_is_damaged(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    first = features(workspace)
    path = cache_file(workspace)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    for damaged in (data, data[: len(data) // 2], b""):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(features(workspace), first)
    spoil_images(workspace)
    np.testing.assert_array_equal(features(workspace), first)


def test_another_preprocessing_has_a_cache_of_its_own_and_the_oldest_goes(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    whole = features(workspace)
    for crop_fraction in (0.5, 0.6, 0.7):
        cropped = replace(DIGITS, preprocessing=replace(DIGITS.preprocessing, crop_fraction=crop_fraction))
        assert not np.array_equal(features(workspace, cropped), whole)
    assert len(list(workspace.cache.iterdir())) == BACKBONES


def test_names_the_images_whose_features_are_not_finite(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    graph = onnx.ModelProto()
    graph.CopyFrom(DIGITS.graph)
    for tensor in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim == 2:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(1e38), tensor.name))
    with pytest.raises(Refused, match=r"features of 30 images are not finite numbers: top/0.png, middle/1.png, "):
        features(workspace, replace(DIGITS, graph=graph, sha256="spoiled"))
    assert features(workspace).shape == (30, 64)
