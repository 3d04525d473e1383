"""The reader of torch's old checkpoints: correct on the published one, and runs no code of another."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from headgate_pipelines.convert import checkpoint
from headgate_pipelines.convert.checkpoint import find_checkpoint, read_checkpoint
from headgate_pipelines.errors import PipelineError


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


def test_another_file_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SHA256", "0" * 64)
    with pytest.raises(PipelineError, match="not the published checkpoint"):
        find_checkpoint()


def test_a_pickle_that_runs_a_command_is_refused_before_it_runs(tmp_path: Path) -> None:
    proof, evil = tmp_path / "ran", tmp_path / "evil.pth"
    evil.write_bytes(pickle.dumps(Shell(f"touch {proof}")))
    with pytest.raises(pickle.UnpicklingError, match=r"refused to load (posix|nt)\.system"):
        read_checkpoint(evil)
    assert not proof.exists()
    pickle.loads(evil.read_bytes())
    assert proof.exists(), "the same pickle does run elsewhere, so the refusal above was ours"
