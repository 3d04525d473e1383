"""The reader of torch's old checkpoints: correct on real and permuted tensors, refuses everything else."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from headgate_pipelines.convert.checkpoint import CheckpointError, read_checkpoint
from tests.convert.legacy_writer import View, write_legacy

STORAGE = {"0": np.arange(12)}


class Shell:
    """A pickle that runs a command if the unpickler permits it."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def test_reads_the_published_checkpoint(weights: dict[str, np.ndarray]) -> None:
    assert len(weights) == 296
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in weights.values())


def test_reads_dense_and_permuted_views(tmp_path: Path) -> None:
    state = OrderedDict(rows=View("0", 12, 4, (2, 3), (3, 1)), columns=View("0", 12, 0, (3, 4), (1, 3)))
    arrays = read_checkpoint(write_legacy(tmp_path / "ok.pth", state, STORAGE))
    np.testing.assert_array_equal(arrays["rows"], [[4, 5, 6], [7, 8, 9]])
    np.testing.assert_array_equal(arrays["columns"], np.arange(12).reshape(4, 3).T)


def test_a_pickle_that_runs_a_command_is_refused_before_it_runs(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    path = write_legacy(tmp_path / "evil.pth", OrderedDict(a=Shell(f"touch {proof}")), {})
    with pytest.raises(CheckpointError, match=r"refused to load (posix|nt)\.system"):
        read_checkpoint(path)
    assert not proof.exists()
    pickle.loads(pickle.dumps(Shell(f"touch {proof}")))
    assert proof.exists(), "the same pickle does run elsewhere, so the refusal above was ours"


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"), ("torch", "load"), ("os", "popen")],
)
def test_every_name_but_those_of_a_state_dict_is_refused(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "named.pth"
    path.write_bytes(f"c{module}\n{name}\n.".encode())
    with pytest.raises(CheckpointError, match=f"refused to load {module}.{name}"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "view",
    [
        View("0", 12, 0, (13,), (1,)),
        View("0", 12, 8, (2, 3), (3, 1)),
        View("0", 12, 0, (2, 2), (100, 1)),
        View("0", 12, -1, (2,), (1,)),
        View("0", 12, 0, (2, 2), (-1, 1)),
        View("0", 12, 0, (10**9,), (0,)),
    ],
    ids=["too long", "offset", "stride", "negative offset", "negative stride", "repeated"],
)
def test_a_tensor_that_leaves_its_storage_is_refused(tmp_path: Path, view: View) -> None:
    with pytest.raises(CheckpointError, match="storage"):
        read_checkpoint(write_legacy(tmp_path / "beyond.pth", OrderedDict(a=view), STORAGE))


def test_a_storage_of_another_length_is_refused(tmp_path: Path) -> None:
    state = OrderedDict(a=View("0", 99, 0, (12,), (1,)))
    with pytest.raises(CheckpointError, match="another length"):
        read_checkpoint(write_legacy(tmp_path / "lies.pth", state, STORAGE))


@pytest.mark.parametrize("cut", [1, 40, 500])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_legacy(tmp_path / "cut.pth", OrderedDict(a=View("0", 12, 0, (12,), (1,))), STORAGE)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip of newer torch", pickle.dumps(5)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.pth").write_bytes(content)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "other.pth")
