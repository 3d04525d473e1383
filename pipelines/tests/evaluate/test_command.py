"""The command on real pictures and the real engine."""

import json
from pathlib import Path

import pytest

from headgate_pipelines.cli import main
from headgate_pipelines.evaluate.record import read_evaluation
from headgate_pipelines.evaluate.revision import code_revision
from tests.evaluate.versions import DIGITS, LABELS, copy_of_digits, digits_holdout

SWAPPED = [1, 0, 2, 3, 4, 5, 6, 7, 9, 8]


def evaluate(root: Path, champion: Path | str) -> int:
    return main(["evaluate", "--workspace", str(root), "--champion", str(champion)])


def test_the_report_shows_a_better_candidate_with_plots_and_pictures_of_its_mistakes(tmp_path: Path) -> None:
    workspace = digits_holdout(tmp_path, 120)
    copy_of_digits(workspace.version)
    assert evaluate(workspace.root, copy_of_digits(tmp_path / "champion", order=SWAPPED)) == 0
    evaluation = read_evaluation(workspace.evaluation)
    assert (evaluation.verdict, evaluation.passes, evaluation.images) == ("better", True, 120)
    assert evaluation.candidate.accuracy > 0.9
    report = (workspace.evaluation / "report.html").read_text("utf-8")
    assert "May be registered: better than the champion" in report
    assert report.count("<svg") == 3
    assert "Calibration" in report
    mistakes = sum(map(sum, evaluation.candidate.confusion)) - round(evaluation.candidate.accuracy * 120)
    assert report.count("data:image/jpeg") == mistakes > 0
    assert "| accuracy |" in (workspace.evaluation / "card.md").read_text("utf-8")
    assert len(json.loads((workspace.evaluation / "reference.json").read_text())["sketches"]) == 120


def test_a_version_with_shuffled_labels_is_worse_than_the_committed_one(tmp_path: Path) -> None:
    workspace = digits_holdout(tmp_path, 80)
    copy_of_digits(workspace.version, order=SWAPPED)
    assert evaluate(workspace.root, DIGITS) == 0
    assert read_evaluation(workspace.evaluation).verdict == "worse"


def test_another_label_order_is_refused_before_anything_is_measured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = digits_holdout(tmp_path, 20)
    copy_of_digits(workspace.version, labels=["1", "0", *LABELS[2:]])
    assert evaluate(workspace.root, DIGITS) == 2
    assert "-label 0: 0" in capfd.readouterr().err
    assert not workspace.evaluation.exists()


def test_a_poisoned_model_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    workspace = digits_holdout(tmp_path, 20)
    copy_of_digits(workspace.version)
    (workspace.version / "model.onnx").write_bytes(b"poison")
    assert evaluate(workspace.root, "none") == 2
    assert "model.onnx differs" in capfd.readouterr().err


def test_mlflow_that_is_away_gives_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    workspace = digits_holdout(tmp_path, 20)
    assert main(["evaluate", "--workspace", str(workspace.root)]) == 3
    assert "start MLflow" in capfd.readouterr().err


def test_without_git_the_revision_is_the_digest_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.py").write_text("1")
    first = code_revision(tmp_path)
    assert first.startswith("sha256:")
    assert code_revision(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    assert code_revision(tmp_path) != first
