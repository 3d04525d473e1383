"""Shared by the tests: one real run of setup in a temporary folder."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from headgate_pipelines.convert import main
from headgate_pipelines.convert.checkpoint import find_checkpoint, read_checkpoint
from headgate_pipelines.convert.reference import open_session

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder in which setup has run once."""
    root = tmp_path_factory.mktemp("checkout")
    main.run(root)
    return root


@pytest.fixture(scope="session")
def weights() -> dict[str, np.ndarray]:
    return read_checkpoint(find_checkpoint())


@pytest.fixture(scope="session")
def fp32(built: Path) -> ort.InferenceSession:
    return open_session((built / "models/efficientnet-lite0/1/model.onnx").read_bytes())


@pytest.fixture(scope="session")
def int8(built: Path) -> ort.InferenceSession:
    return open_session((built / "models/efficientnet-lite0/2/model.onnx").read_bytes())
