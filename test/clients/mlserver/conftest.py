"""MLServer with the model `affine`, once for all tests."""

from pathlib import Path

import pytest

from reference import running_reference


@pytest.fixture(scope="session")
def reference(context):
    model_file = Path(context["modelsDir"]) / "affine/1/model.onnx"
    with running_reference(
        context["pythons"]["mlserver"], model_file, Path(context["dir"]) / "reference"
    ) as one:
        yield one
