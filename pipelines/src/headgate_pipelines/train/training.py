"""From validated images to a version that the serving engine accepts."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn

from headgate_pipelines.convert.artefacts import publish
from headgate_pipelines.convert.manifest import ImageClassifier, labels_json, manifest, to_yaml
from headgate_pipelines.data.index import Item, read_images, read_index, read_labels
from headgate_pipelines.data.version import data_version
from headgate_pipelines.engine import Loaded, load, probe
from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Params
from headgate_pipelines.progress import waiting
from headgate_pipelines.settings import Settings
from headgate_pipelines.train.backbone import Backbone, open_backbone
from headgate_pipelines.train.export import check_parity, merge, run
from headgate_pipelines.train.features import features_of, pixels_of
from headgate_pipelines.train.golden import Golden, choose_golden
from headgate_pipelines.train.head import Head, fit
from headgate_pipelines.workspace import Workspace

PARITY_IMAGES = 64
UNREGISTERED = "0"
"""Version of what has no number yet: MLflow gives it when the version is registered."""


def train(workspace: Workspace, params: Params, settings: Settings, *, shuffle_labels: bool = False) -> str:
    """Replaces version/ as a whole, once the real engine has loaded the new one. Returns what it did, in one line.

    Args:
        shuffle_labels: train on labels in a random order: a model that is worse for sure.

    Raises:
        PipelineError: there is no data or no backbone.
        Refused: a label has no image, features are not finite numbers, the exported graph differs from the head, or
            the engine does not accept the version.
    """
    version = data_version(workspace)
    labels = read_labels(workspace.data)
    items = read_index(workspace.data, "train")
    classes = _classes(items, labels)
    if shuffle_labels:
        classes = np.random.default_rng(params.train.seed).permutation(classes)
    backbone = open_backbone(settings.root / "models", params.train.backbone)
    features = features_of(backbone, workspace.data, items, workspace.cache)
    with waiting("train: fitting the head"):
        head = fit(features, classes, labels, params.train)
    if not head.converged:
        print(f"warning: the head did not converge in {params.train.max_iterations} iterations", file=sys.stderr)
    model = merge(backbone, head)
    parity = _parity(model, backbone, head, (workspace.data, items, features))
    about = ImageClassifier(
        name=params.model,
        version=UNREGISTERED,
        description=f"{'NEGATIVE CONTROL, trained on shuffled labels: ' if shuffle_labels else ''}"
        f"linear head over {backbone.name}, trained on {len(items)} images.",
        licence=f"{backbone.licence} (backbone); the head as its training images",
        labels=labels,
        preprocessing=backbone.preprocessing,
        source=f"backbone {backbone.name}; {source_name(params.source)}",
        source_sha256=backbone.sha256,
        converter=f"headgate_pipelines.train, scikit-learn {sklearn.__version__}",
        output="probabilities",
        data_version=version,
    )
    with waiting("train: trying the version on the serving engine"):
        loaded = _publish(workspace, settings, about, model)
    accuracy = float((head.probabilities(features).argmax(axis=1) == classes).mean())
    return (
        f"trained {params.model}: {len(items)} images of {len(labels)} classes, {accuracy:.1%} of them right; "
        f"parity {parity:.0e}, {loaded.compared} golden samples within {loaded.largest_difference:.3f} on the engine"
    )


def source_name(source: str) -> str:
    """The source without the folders above it: who downloads the version has other ones."""
    if source.startswith("s3://"):
        return source
    kind, _, export = source.partition(":")
    return f"captures:{Path(export).name}" if kind == "captures" else Path(source).name


def _classes(items: Sequence[Item], labels: Sequence[str]) -> np.ndarray:
    """Class id of each item, int64 [N]."""
    ids = {label: index for index, label in enumerate(labels)}
    unknown = sorted({item.label for item in items} - ids.keys())
    if unknown:
        raise Refused(f"labels.json lacks {', '.join(unknown)}", "run headgate-pipelines ingest again")
    return np.array([ids[item.label] for item in items], np.int64)


def _parity(model: bytes, backbone: Backbone, head: Head, trained_on: tuple[Path, Sequence[Item], np.ndarray]) -> float:
    """Largest difference between graph and scikit-learn on training images that are spread over the set."""
    data, items, features = trained_on
    rows = np.unique(np.linspace(0, len(items) - 1, PARITY_IMAGES).astype(int))
    images = read_images(data, [items[row] for row in rows])
    answers = run(model, [pixels_of(encoded, backbone.preprocessing) for _, encoded in images])
    return check_parity(answers, head.probabilities(features[rows]))


def _files(about: ImageClassifier, model: bytes, golden: Sequence[Golden]) -> dict[str, bytes]:
    document = manifest(about, model, [one.sample for one in golden])
    return {
        "model.onnx": model,
        "labels.json": labels_json(about.labels),
        "manifest.yaml": to_yaml(document),
        **{one.sample["file"]: one.image for one in golden},
    }


def _publish(workspace: Workspace, settings: Settings, about: ImageClassifier, model: bytes) -> Loaded:
    """Puts the version in the place of version/ once the engine has loaded it with its golden samples."""
    with tempfile.TemporaryDirectory(prefix=".version-", dir=workspace.root) as folder:
        new = Path(folder, "version")
        publish(new, _files(about, model, []))
        golden = choose_golden(
            model, about.preprocessing, workspace.data, about.labels, lambda images: probe(new, images, settings)
        )
        files = _files(about, model, golden)
        publish(new, files)
        loaded = load(new, settings)
        publish(workspace.version, files)
    return loaded
