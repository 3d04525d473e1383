from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate_pipelines.convert.reference import softmax
from headgate_pipelines.data.index import read_images, read_index
from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Train
from headgate_pipelines.train.backbone import open_backbone
from headgate_pipelines.train.export import PARITY, check_parity, merge, run
from headgate_pipelines.train.features import features_of, pixels_of
from headgate_pipelines.train.head import fit
from tests.train.pictures import BARS, SETTINGS, workspace_of


@pytest.mark.parametrize("labels", [BARS, BARS[:2]])
@pytest.mark.parametrize("name", ["digits/1", "efficientnet-lite0/1"])
def test_the_one_graph_answers_as_scikit_learn_does(tmp_path: Path, name: str, labels: tuple[str, ...]) -> None:
    workspace = workspace_of(tmp_path, labels)
    backbone = open_backbone(SETTINGS.root / "models", name)
    items = read_index(workspace.data)
    features = features_of(backbone, workspace.data, items, workspace.cache)
    head = fit(features, np.array([labels.index(item.label) for item in items]), labels, Train())
    model = merge(backbone, head)
    images = [pixels_of(image, backbone.preprocessing) for _, image in read_images(workspace.data, items)]
    expected = head.probabilities(features)
    assert np.abs(run(model, images) - expected).max() < PARITY
    batch = np.concatenate(images)
    assert np.abs(run(model, [batch]) - expected).max() < PARITY
    opset = onnx.load_model_from_string(model).opset_import
    assert opset == onnx.load(SETTINGS.root / "models" / name / "model.onnx").opset_import


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 5), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(1e-2, 1e3))
def test_one_matrix_product_is_the_standardised_head(classes: int, width: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    features = (random.normal(size=(40, width)) * scale + random.normal() * scale).astype(np.float32)
    features[:, 0] = 3  # a feature that never changes
    labels = [str(number) for number in range(classes)]
    head = fit(features, np.arange(40) % classes, labels, Train(max_iterations=50))
    weight, bias = head.linear()
    np.testing.assert_allclose(softmax(features @ weight + bias), head.probabilities(features), atol=1e-4)


def test_refuses_a_graph_that_answers_otherwise() -> None:
    expected = np.array([[0.25, 0.75]])
    assert check_parity(expected + PARITY / 2, expected) == pytest.approx(PARITY / 2)
    with pytest.raises(Refused, match="differs from the trained head by 2"):
        check_parity(expected + 2 * PARITY, expected)
    with pytest.raises(Refused, match="differs"):
        check_parity(np.array([[np.nan, 1]]), expected)
