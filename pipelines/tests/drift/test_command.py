import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from PIL import Image

from headgate_pipelines import alerts, cli
from headgate_pipelines.drift import command
from headgate_pipelines.drift.command import Job, drift
from headgate_pipelines.drift.trigger import HOUR_MS
from headgate_pipelines.errors import NOTHING_TO_DO, NothingToDo, PipelineError, Refused, Unavailable
from headgate_pipelines.files import write
from headgate_pipelines.params import read_params
from headgate_pipelines.settings import read_settings
from headgate_pipelines.workspace import Workspace
from tests.http_server import answering

NOW = 1_800_000_000_000
Rows = list[dict[str, Any]]

pytestmark = pytest.mark.services


def sketches(count: int, seed: int, dark: float = 1) -> list[list[float]]:
    """Random images of a kind; the darker their brightness, the smaller `dark`."""
    rng = np.random.default_rng(seed)
    scalars = np.column_stack([np.full((count, 2), 640), rng.beta(5, 5, count) * dark, rng.random((count, 2))])
    table: list[list[float]] = np.concatenate([scalars, rng.normal(size=(count, 32))], axis=1).tolist()
    return table


def rows(count: int, seed: int, dark: float = 1, version: str = "1", sketch_version: int = 1) -> Rows:
    """What control answers; the photos fill the last hour before NOW."""
    names = ["width", "height", "brightness", "contrast", "sharpness"]
    return [
        {
            "at_ms": NOW - HOUR_MS + index * HOUR_MS // count,
            "id": f"{seed}-{index}",
            "index": 0,
            "version": version,
            "image_sha256": hashlib.sha256(f"{seed} {index}".encode()).hexdigest(),
            "class_id": index % 3,
            "score": 0.9,
            "label": "cat" if index % 3 == 0 else None,
            "sketch": {
                "version": sketch_version,
                **dict(zip(names, sketch, strict=False)),
                "features": sketch[5:],
            },
        }
        for index, sketch in enumerate(sketches(count, seed, dark))
    ]


@dataclass
class Setup:
    """A workspace whose model has a champion in a real MLflow."""

    workspace: Workspace
    mlflow: str
    model: str
    triggers: bool = True
    alerts: list[str] = field(default_factory=list)

    def champion(self, dark: float = 1, holdout: int = 300, reference: bool = True) -> str:
        """Registers a champion whose holdout has so many photos, that dark; its version."""
        client = MlflowClient(self.mlflow, self.mlflow)
        run = client.create_run("0").info
        if reference:
            stored = {
                "version": 1,
                "sketches": sketches(holdout, 1, dark),
                "class_ids": [index % 3 for index in range(holdout)],
                "sha256": ["0" * 64] * holdout,
            }
            client.log_dict(run.run_id, stored, "evaluation/reference.json")
        number = client.create_model_version(self.model, f"{run.artifact_uri}/version", run.run_id).version
        client.set_registered_model_alias(self.model, "champion", number)
        return str(number)

    def check(self, seen: Rows, now_ms: int = NOW, captures: Path | None = None) -> int:
        """Runs the command on these records."""
        settings = read_settings({"MLFLOW_TRACKING_URI": self.mlflow})

        def fetch(from_ms: int, to_ms: int) -> Iterator[dict[str, Any]]:
            return (row for row in seen if from_ms <= row["at_ms"] < to_ms)

        params = read_params(self.workspace.params)
        return drift(Job(self.workspace, params, settings, fetch, captures, self.triggers, now_ms))

    @property
    def result(self) -> dict[str, Any]:
        """drift.json"""
        result: dict[str, Any] = json.loads((self.workspace.reports / "drift.json").read_text())
        return result

    @property
    def page(self) -> str:
        """drift.html"""
        return (self.workspace.reports / "drift.html").read_text()


@pytest.fixture
def setup(tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Setup:
    model = f"drift-{abs(hash(request.node.name))}"
    options = {"min_samples": 100, "max_samples": 300, "cooldown_hours": 6}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"model": model, "source": "photos", "drift": options}))
    MlflowClient(mlflow_server, mlflow_server).create_registered_model(model)
    made = Setup(Workspace(tmp_path), mlflow_server, model)
    monkeypatch.setattr(alerts, "send", lambda _, title, text: made.alerts.append(f"{title}: {text}"))
    return made


def test_photos_like_the_reference_are_no_drift(setup: Setup) -> None:
    setup.champion()
    assert setup.check(rows(200, seed=2)) == 0
    assert (setup.result["verdict"], setup.result["triggered"], setup.alerts) == ("none", False, [])
    assert "No drift: 200 photos" in setup.page


def test_a_check_by_hand_neither_triggers_nor_starts_the_cooldown(setup: Setup) -> None:
    setup.champion()
    dark = rows(200, seed=2, dark=0.6)
    setup.triggers = False
    assert setup.check(dark) == 0
    assert (setup.result["verdict"], setup.result["triggered"], setup.alerts) == ("drift", False, [])
    assert not (setup.workspace.state / "retrain").exists()
    setup.triggers = True
    assert setup.check(dark, NOW + HOUR_MS) == 0
    assert setup.result["triggered"]


def test_drift_triggers_once_per_cooldown(setup: Setup) -> None:
    setup.champion()
    dark = rows(200, seed=2, dark=0.6)
    assert setup.check(dark) == 0
    assert (setup.result["verdict"], setup.result["triggered"]) == ("drift", True)
    assert "brightness" in setup.result["why"]
    assert len(setup.alerts) == 1
    assert setup.check(dark, NOW + 5 * HOUR_MS) == 0
    assert (setup.result["verdict"], setup.result["triggered"], len(setup.alerts)) == ("drift", False, 1)
    assert setup.check(dark, NOW + 6 * HOUR_MS) == 0
    assert (setup.result["triggered"], len(setup.alerts)) == (True, 2)


def test_a_later_check_leaves_the_trigger_to_the_scheduler(setup: Setup) -> None:
    setup.champion()
    dark = rows(200, seed=2, dark=0.6)
    setup.check(dark)
    setup.triggers = False
    setup.check(dark, NOW + HOUR_MS)
    assert "brightness" in (setup.workspace.state / "retrain").read_text()


def test_a_crash_before_the_end_triggers_again(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.champion()
    dark = rows(200, seed=2, dark=0.6)

    def crash(*_: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(command, "remember", crash)
        with pytest.raises(OSError, match="no space"):
            setup.check(dark)
    assert setup.check(dark) == 0
    assert setup.result["triggered"]


def test_a_new_champion_is_judged_by_its_own_photos_and_reference(setup: Setup) -> None:
    setup.champion()
    assert setup.champion(dark=0.6) == "2"
    old = rows(200, seed=2)
    assert setup.check(old) == NOTHING_TO_DO
    assert setup.result["verdict"] == "not_yet"
    assert setup.check(old + rows(200, seed=3, dark=0.6, version="2")) == 0
    assert (setup.result["verdict"], setup.result["version"], setup.result["photos"]) == ("none", "2", 200)


def test_too_few_photos_are_not_yet_a_check(setup: Setup) -> None:
    setup.champion()
    assert setup.check(rows(99, seed=2, dark=0.1)) == NOTHING_TO_DO
    assert (setup.result["verdict"], setup.result["triggered"], setup.result["photos"]) == ("not_yet", False, 99)
    assert "99 of 100" in setup.result["why"]


def test_repeats_are_one_photo(setup: Setup) -> None:
    setup.champion()
    seen = rows(200, seed=2)
    same_request = [{**row, "id": "one request", "index": index} for index, row in enumerate(seen)]
    same_image = [{**row, "image_sha256": "a" * 64} for row in seen]
    assert setup.check(same_request + same_image) == NOTHING_TO_DO
    assert setup.result["photos"] == 2


def test_sketches_of_another_version_are_never_compared(setup: Setup) -> None:
    setup.champion()
    with pytest.raises(Refused, match="another sketch version"):
        setup.check(rows(200, seed=2, sketch_version=2))


def test_the_most_drifted_photos_come_first_with_what_is_unusual(setup: Setup, tmp_path: Path) -> None:
    setup.champion()
    seen = rows(140, seed=2) + rows(60, seed=3, dark=0.05)
    folder = tmp_path / "captures" / "2027-01-15" / ("0" * 32)
    folder.mkdir(parents=True)
    for row in seen[140:]:
        Image.new("RGB", (900, 600), "red").save(folder / row["image_sha256"], "PNG")
    for row in seen[140::2]:
        (folder / row["image_sha256"]).write_bytes(b"no image")
    assert setup.check(seen, captures=tmp_path / "captures") == 0
    shown = setup.page.count("data:image/jpeg")
    assert shown > 5
    assert shown + setup.page.count("No photo") == 24
    photos = setup.page.split("The photos that drifted most")[1].split('<div class="card photo">')[1:]
    dark = [photo for photo in photos if "lower than" in photo and "brightness" in photo]
    assert len(dark) > 12  # 24 photos by chance: 4


def test_the_page_shows_labels_as_text_and_says_how_to_see_photos(setup: Setup) -> None:
    setup.champion()
    seen = [{**row, "label": "<script>alert(1)</script>"} for row in rows(200, seed=2)]
    setup.check(seen)
    assert "<script" not in setup.page
    assert "--captures DIR" in setup.page
    assert "http://" not in setup.page.replace("http://www.w3.org", "")


def test_says_what_is_missing(setup: Setup) -> None:
    with pytest.raises(NothingToDo, match="no champion"):
        setup.check([])
    setup.champion(reference=False)
    with pytest.raises(NothingToDo, match=r"has no evaluation/reference\.json"):
        setup.check([])
    setup.champion(holdout=49)
    with pytest.raises(Refused, match="has 49 of 50 photos"):
        setup.check([])


@pytest.mark.parametrize("damaged", ["", "[]", '{"version": 1}', '{"version": 1, "sketches": [[1]], "class_ids": [0]}'])
def test_a_damaged_reference_is_refused_with_what_to_do(setup: Setup, damaged: str) -> None:
    setup.champion()
    client = MlflowClient(setup.mlflow, setup.mlflow)
    run = str(client.get_model_version_by_alias(setup.model, "champion").run_id)
    client.log_text(run, damaged, "evaluation/reference.json")
    with pytest.raises(PipelineError) as refused:
        setup.check([])
    assert "is no reference" in refused.value.message
    assert "evaluate and register" in refused.value.remedy


def test_a_disk_that_is_full_leaves_the_report_before_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "reports" / "drift.html"
    write(report, "before")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        write(report, "after")
    assert [path.read_text() for path in report.parent.iterdir()] == ["before"]
    assert report.stat().st_mode & 0o777 == 0o600


def test_an_unreadable_trigger_is_not_silently_forgotten(setup: Setup) -> None:
    setup.champion()
    setup.workspace.state.mkdir()
    (setup.workspace.state / "drift-trigger.json").write_text("{")
    with pytest.raises(PipelineError, match="cannot be read"):
        setup.check(rows(200, seed=2))


def test_the_command_reads_control_page_by_page(setup: Setup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version = setup.champion()
    seen = rows(200, seed=2, dark=0.6, version=version)
    monkeypatch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
    (tmp_path / "key").write_text("secret")
    with answering(_control(setup.model, seen)) as url:
        monkeypatch.setenv("HEADGATE_PIPELINES_CONTROL_URL", url)
        monkeypatch.setenv("HEADGATE_PIPELINES_ADMIN_KEY_FILE", str(tmp_path / "key"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", setup.mlflow)
        assert cli.main(["drift", "--workspace", str(tmp_path)]) == 0
    assert (setup.result["verdict"], setup.result["photos"]) == ("drift", 200)


def _control(model: str, seen: Rows) -> Callable[[str, str, bytes], tuple[int, Any]]:
    def answer(_: str, path: str, __: bytes) -> tuple[int, Any]:
        url = urlparse(path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path != f"/api/v1/models/{model}/sketches":
            return 404, {}
        found = [row for row in seen if int(query["from_ms"]) <= row["at_ms"] < int(query["to_ms"])]
        first = int(query.get("after", 0))
        return 200, {"rows": found[first : first + 3], "next": str(first + 3) if len(found) > first + 3 else None}

    return answer
