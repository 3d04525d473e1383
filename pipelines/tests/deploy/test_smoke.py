"""What the tests in staging find in a gateway's answers."""

from pathlib import Path
from typing import Any, cast

import pytest

from headgate_pipelines.deploy.gateway import Gateway
from headgate_pipelines.deploy.smoke import INTEGRATION, SMOKE, Staged, gets_no_traffic, run_checks
from headgate_pipelines.errors import Refused, Unavailable
from headgate_pipelines.registry.version_folder import VersionFolder

ALL = (*SMOKE, *INTEGRATION, gets_no_traffic)
TOP = {"class_id": 7, "label": "7", "score": 0.9}


class Answers:
    """A gateway that answers rightly, except for what a test changes."""

    def __init__(self, **wrong: Any) -> None:
        self.wrong = wrong

    def predict(self, model: str, images: list[bytes], version: str | None = None) -> dict[str, Any]:
        items: list[dict[str, Any]] = [{"top": [TOP]} if image == b"seven" else {"error": {}} for image in images]
        answer = {"model": model, "version": version or "1", "variant": None, "predictions": items}
        return answer | self.wrong if version else answer | self.wrong.get("unversioned", {})

    def metadata(self, *_: str) -> dict[str, Any]:
        return {"inputs": self.wrong.get("inputs", [{"name": "image"}])}


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    (tmp_path / "seven.png").write_bytes(b"seven")
    sample = {"file": "seven.png", "top": [{"class_id": 7, "score": 0.88}]}
    manifest = {"golden": {"tolerance": 0.05, "samples": [sample]}}
    return Staged("digits", "2", VersionFolder(tmp_path, manifest, ""))


def failed(staged: Staged, gateway: object) -> list[str]:
    return [one.name for one in run_checks(cast(Gateway, gateway), staged, ALL) if one.problem]


def test_a_good_version_passes(staged: Staged) -> None:
    assert failed(staged, Answers()) == []


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"predictions": [{"top": [TOP | {"score": 0.5}]}]}, ["answers_as_recorded", "one_bad_image_fails_alone"]),
        ({"version": "1"}, ["names_itself"]),
        ({"variant": "v2"}, ["names_itself"]),
        ({"inputs": [{"name": "pixels"}]}, ["speaks_the_open_protocol"]),
        ({"unversioned": {"version": "2"}}, ["gets_no_traffic"]),
        ({"predictions": []}, ["answers_as_recorded", "one_bad_image_fails_alone"]),
    ],
)
def test_each_fault_is_found_by_its_test(staged: Staged, wrong: dict[str, Any], names: list[str]) -> None:
    assert failed(staged, Answers(**wrong)) == names


def test_a_refused_request_is_a_finding_and_an_absent_gateway_is_none(staged: Staged) -> None:
    class Raises(Answers):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

        def predict(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise self.error

    assert "answers_as_recorded" in failed(staged, Raises(Refused("404")))
    with pytest.raises(Unavailable):
        failed(staged, Raises(Unavailable("away")))


def test_a_version_without_golden_images_fails(staged: Staged) -> None:
    (staged.folder.path / "seven.png").unlink()
    assert "answers_as_recorded" in failed(staged, Answers())
