import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from headgate_pipelines import engine
from headgate_pipelines.engine import load, probe
from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.settings import read_settings

SETTINGS = read_settings({})
DIGITS = SETTINGS.root / "models" / "digits" / "1"
SEVEN = (SETTINGS.root / "samples" / "digit-7.png").read_bytes()


def test_runs_images_through_the_real_engine_in_their_order() -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(SEVEN)).save(buffer, "JPEG")
    images = [("png", SEVEN), ("jpeg", buffer.getvalue()), ("broken", b"GIF89a")]
    answers = list(probe(DIGITS, images * 4, SETTINGS))
    assert [answer.id for answer in answers] == ["png", "jpeg", "broken"] * 4
    png, jpeg, broken = answers[:3]
    assert (png.class_ids[0], jpeg.class_ids[0]) == (7, 7)
    assert sorted(png.class_ids) == list(range(10))
    assert sum(png.scores) == pytest.approx(1)
    assert png.latency_ms > 0
    assert png.sketch is not None
    assert (png.sketch["width"], len(png.sketch["features"])) == (128, 32)
    assert broken.error is not None
    assert "not a JPEG, PNG or WebP" in broken.error


def test_loads_a_version_outside_of_a_models_folder_and_compares_its_golden_samples(tmp_path: Path) -> None:
    version = shutil.copytree(DIGITS, tmp_path / "version")
    loaded = load(version, SETTINGS)
    assert loaded.compared == 1
    assert loaded.largest_difference < 0.05


def test_refuses_a_version_whose_model_is_not_the_one_of_the_manifest(tmp_path: Path) -> None:
    version = shutil.copytree(DIGITS, tmp_path / "version")
    with (version / "model.onnx").open("r+b") as model:
        model.seek(1000)
        model.write(b"poison")
    with pytest.raises(Refused, match="SHA-256"):
        list(probe(version, [("seven", SEVEN)], SETTINGS))


def test_asks_for_an_image_only_after_the_answer_before_it() -> None:
    asked: list[str] = []

    def images() -> Iterator[tuple[str, bytes]]:
        for name in ("one", "two", "three"):
            asked.append(name)
            yield name, SEVEN

    answers = probe(DIGITS, images(), SETTINGS)
    assert [(answer.id, list(asked)) for answer in answers] == [
        ("one", ["one"]),
        ("two", ["one", "two"]),
        ("three", ["one", "two", "three"]),
    ]


def test_ends_the_engine_when_the_caller_stops_in_the_middle() -> None:
    answers = probe(DIGITS, ((str(number), SEVEN) for number in range(1_000_000)), SETTINGS)
    assert next(answers).class_ids[0] == 7
    answers.close()  # type: ignore[attr-defined]  # would wait for ever if the engine went on


def test_says_what_to_do_when_node_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be started") as caught:
        load(DIGITS, replace(SETTINGS, node=tmp_path / "none"))
    assert "HEADGATE_PIPELINES_NODE" in caught.value.remedy


def test_tells_an_engine_that_dies_from_a_version_that_is_refused(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho out of memory >&2\nexit 137\n")
    node.chmod(0o755)
    with pytest.raises(Unavailable, match="exit code 137: out of memory"):
        load(DIGITS, replace(SETTINGS, node=node))


def test_an_engine_that_closes_its_output_and_never_ends_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ANSWER_TIMEOUT_S", 0.2)
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec >&-\nexec sleep 600\n")
    node.chmod(0o755)
    with pytest.raises(Unavailable, match="did not end within"):
        load(DIGITS, replace(SETTINGS, node=node))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
