from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.data.index import read_images, read_index
from headgate_pipelines.engine import Probed
from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Train
from headgate_pipelines.train.backbone import open_backbone
from headgate_pipelines.train.export import merge, run
from headgate_pipelines.train.features import features_of, pixels_of
from headgate_pipelines.train.golden import Golden, choose_golden
from headgate_pipelines.train.head import fit
from headgate_pipelines.workspace import Workspace
from tests.train.pictures import BARS, SETTINGS, workspace_of

BACKBONE = open_backbone(SETTINGS.root / "models", "digits/1")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_of(tmp_path)


@pytest.fixture
def model(workspace: Workspace) -> bytes:
    items = read_index(workspace.data, "train")
    features = features_of(BACKBONE, workspace.data, items, workspace.cache)
    return merge(BACKBONE, fit(features, np.array([BARS.index(item.label) for item in items]), BARS, Train()))


def choose(workspace: Workspace, model: bytes, *, wrong: frozenset[str] | None) -> list[Golden]:
    """With an engine that gives the last class to the images with these digests (None: to all)."""

    def serve(images: Iterable[tuple[str, bytes]]) -> Iterator[Probed]:
        for name, image in images:
            (scores,) = run(model, [pixels_of(image, BACKBONE.preprocessing)])
            answer = np.roll(scores, 1) if wrong is None or name in wrong else scores
            yield Probed(name, tuple(range(len(BARS))), tuple(map(float, answer)))

    return choose_golden(model, BACKBONE.preprocessing, workspace.data, BARS, serve)


def test_records_an_image_of_each_label_with_the_answer_of_the_reference(workspace: Workspace, model: bytes) -> None:
    golden = choose(workspace, model, wrong=frozenset())
    assert [one.sample["top"][0]["class_id"] for one in golden] == [0, 1, 2]
    held_out = {image for _, image in read_images(workspace.data, read_index(workspace.data, "holdout"))}
    assert {one.image for one in golden} <= held_out
    assert all(one.sample["sha256"] == sha256(one.image) for one in golden)


def test_takes_no_image_on_which_the_engine_answers_otherwise(workspace: Workspace, model: bytes) -> None:
    first = frozenset(str(one.sample["sha256"]) for one in choose(workspace, model, wrong=frozenset()))
    second = {str(one.sample["sha256"]) for one in choose(workspace, model, wrong=first)}
    assert len(second) == len(BARS)
    assert not first & second


def test_refuses_an_engine_that_is_another_one(workspace: Workspace, model: bytes) -> None:
    with pytest.raises(Refused, match="agrees with the reference run on 0 of 15 images"):
        choose(workspace, model, wrong=None)
