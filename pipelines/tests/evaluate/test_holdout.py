import json
from pathlib import Path

import pytest

from headgate_pipelines.data.index import read_index
from headgate_pipelines.engine import Probed
from headgate_pipelines.errors import Refused
from headgate_pipelines.evaluate import holdout
from headgate_pipelines.evaluate.holdout import UNANSWERED, Answers, ask, reference_json
from headgate_pipelines.evaluate.metrics import measure
from headgate_pipelines.registry.version_folder import read_version
from headgate_pipelines.workspace import Workspace
from tests.evaluate.answers import answers_of, fake_probe, probed
from tests.evaluate.versions import workspace_with
from tests.registry.version_files import write_version


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    images = {label: [f"{label} {number}".encode() for number in range(60)] for label in ("cat", "dog")}
    return workspace_with(tmp_path / "workspace", images)


def asked(workspace: Workspace, folders: list[Path], turns: list[str] | None = None) -> list[Answers]:
    def answer(version: Path, name: str) -> Probed:
        if turns is not None:
            turns.append(version.name)
        return probed(name, 0)

    items = read_index(workspace.data, "holdout")
    return ask(fake_probe(answer), [read_version(folder) for folder in folders], workspace.data, items)


def test_the_versions_take_turns_on_the_same_images(workspace: Workspace, tmp_path: Path) -> None:
    folders = [write_version(tmp_path, "pets", version) for version in ("1", "2")]
    turns: list[str] = []
    first, second = asked(workspace, folders, turns)
    assert "".join(turns) == ("1" * 10 + "2" * 10) * 12
    assert [item.sha256 for item in first.items] == [item.sha256 for item in second.items]
    assert [len(turn) for turn in first.turns] == [9] * 12


def test_an_image_that_the_engine_refuses_is_a_mistake_without_a_class(workspace: Workspace, tmp_path: Path) -> None:
    version = read_version(write_version(tmp_path, "pets", "1"))
    items = read_index(workspace.data, "holdout")
    bad = items[3].sha256
    engine = fake_probe(lambda _, name: Probed(name, error="too large") if name == bad else probed(name, 0))
    [answers] = ask(engine, [version], workspace.data, items)
    measured = measure(answers)
    assert answers.predicted[3] == UNANSWERED
    assert (measured.unanswered, measured.accuracy) == (1, 59 / 120)
    assert sum(map(sum, measured.confusion)) == 119
    assert bad not in json.loads(reference_json(answers))["sha256"]


def test_a_version_that_does_not_know_a_label_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not know the labels dog"):
        asked(workspace, [write_version(tmp_path, "pets", "1", labels=("cat", "cow"))])


def test_the_reference_has_at_most_so_many_rows_of_37_numbers(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [answers] = asked(workspace, [write_version(tmp_path, "pets", "1")])
    monkeypatch.setattr(holdout, "REFERENCE_ROWS", 50)
    reference = json.loads(reference_json(answers))
    assert reference["version"] == 1
    assert {len(row) for row in reference["sketches"]} == {37}
    assert {len(reference[key]) for key in ("sketches", "class_ids", "sha256")} == {50}


def test_metrics_of_known_answers(tmp_path: Path) -> None:
    folder = write_version(tmp_path, "pets", "1")
    measured = measure(answers_of(folder, [0, 0, 0, 1], [0, 0, 1, 1]))
    assert measured.confusion == [[2, 1], [0, 1]]
    cat, dog = measured.classes
    assert [cat.precision, cat.recall, cat.support] == pytest.approx([1, 2 / 3, 3])
    assert [dog.precision, dog.recall, dog.f1] == pytest.approx([0.5, 1, 2 / 3])
    assert measured.macro.precision == pytest.approx(0.75)
    assert measured.weighted.precision == pytest.approx(0.875)
    assert measured.brier == pytest.approx((3 * 0.08 + 1.28) / 4)
    assert list(measured.accuracy_interval) == pytest.approx([0.3006, 0.9544], abs=1e-4)
