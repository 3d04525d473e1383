from pathlib import Path
from typing import Any

import pytest

from headgate_pipelines.errors import Refused
from headgate_pipelines.evaluate.contract import check_contract
from headgate_pipelines.registry.version_folder import read_version
from tests.registry.version_files import write_version


def check(tmp_path: Path, **candidate: Any) -> None:
    champion = write_version(tmp_path / "a", "pets", "1")
    check_contract(read_version(write_version(tmp_path / "b", "pets", "0", **candidate)), read_version(champion))


def test_another_order_of_the_labels_is_refused_with_each_line_that_differs(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        check(tmp_path, labels=("dog", "cat"))
    for line in ("-label 0: cat", "-label 1: dog", "+label 0: dog", "+label 1: cat"):
        assert line in refused.value.message


def test_a_further_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"\+label 2: cow"):
        check(tmp_path, labels=("cat", "dog", "cow"))


def test_another_kind_and_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        check(tmp_path, kind="tensor", image=None)
    for line in ("-kind: image-classifier", "+kind: tensor", "+inputs: image UINT8 [-1, 8, 8, 3]"):
        assert line in refused.value.message


def test_another_image_size_keeps_the_contract_since_callers_send_encoded_images(tmp_path: Path) -> None:
    check(tmp_path, inputs=[{"name": "image", "datatype": "UINT8", "shape": [-1, 224, 224, 1]}])
