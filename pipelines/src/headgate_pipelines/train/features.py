"""Features of images: what the backbone sees in each."""

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import onnxruntime as ort
from PIL import Image

from headgate_pipelines.convert.reference import Preprocessing, preprocess
from headgate_pipelines.data.index import Item, read_images
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.files import keep_newest
from headgate_pipelines.parallel import in_order
from headgate_pipelines.progress import with_progress
from headgate_pipelines.train.backbone import INPUT, Backbone

NAMED = 5
"""Images that an error names."""
BACKBONES = 2
"""Whose features are kept: a file has 5 kB for each image."""


def pixels_of(data: bytes, spec: Preprocessing) -> np.ndarray:
    """uint8 [1,H,W,C] of an encoded image, as the serving reference makes them."""
    with Image.open(io.BytesIO(data)) as image:
        return preprocess(image, spec)


def open_session(model: bytes) -> ort.InferenceSession:
    """One thread: images run beside each other instead, and results do not depend on the number of cores."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def features_of(backbone: Backbone, data: Path, items: Sequence[Item], cache: Path) -> np.ndarray:
    """Features float32 [len(items), width], from the cache where it has them.

    A few images per core are in memory at a time, and all features: 5 kB for each image.

    Args:
        data: the folder that `ingest` wrote.
        cache: folder of the feature cache, which has a file for each backbone.

    Raises:
        PipelineError: an image is not the one of the index.
        Refused: features of an image are not finite numbers; the message names the images.
    """
    file = cache / f"features-{backbone.cache_key()}.npz"
    rows = {digest: row for row, digest in enumerate(dict.fromkeys(item.sha256 for item in items))}
    matrix = np.empty((len(rows), backbone.width), np.float32)
    known = np.zeros(len(rows), bool)
    for digest, features in _cached(file):
        if digest in rows:
            matrix[rows[digest]], known[rows[digest]] = features, True
    missing = list({item.sha256: item for item in items if not known[rows[item.sha256]]}.values())
    try:
        for digest, features in with_progress(_compute(backbone, data, missing), len(missing), "train: features"):
            matrix[rows[digest]], known[rows[digest]] = features, True
    finally:
        if missing:
            _save(file, np.array(list(rows), "S64")[known], matrix[known])
    return matrix[[rows[item.sha256] for item in items]]


def _cached(file: Path) -> Iterable[tuple[str, np.ndarray]]:
    """(SHA-256 of the image, features); nothing where there is no file, or a damaged one: NumPy checks a CRC-32."""
    try:
        with np.load(file) as stored:
            return zip(stored["digests"].astype(str), stored["features"], strict=True)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return ()


def _save(file: Path, digests: np.ndarray, features: np.ndarray) -> None:
    """The images of this training alone, so that the file does not grow from week to week."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".new")
    with unfinished.open("wb") as stream:
        np.savez(stream, digests=digests, features=features)
    unfinished.replace(file)
    keep_newest(file.parent.glob("features-*"), BACKBONES)


def _compute(backbone: Backbone, data: Path, items: Sequence[Item]) -> Iterator[tuple[str, np.ndarray]]:
    """(SHA-256, features) in the order of the items. Each image is a batch of its own: its features do not depend on
    which others are missing."""
    session = open_session(backbone.graph.SerializeToString())
    strange: list[str] = []

    def of_image(image: tuple[Item, bytes]) -> tuple[Item, np.ndarray]:
        item, encoded = image
        if hashlib.sha256(encoded).hexdigest() != item.sha256:
            raise PipelineError(f"{item.source} is not the image of the index", "run headgate-pipelines ingest again")
        pixels = pixels_of(encoded, backbone.preprocessing)
        return item, session.run([backbone.features], {INPUT: pixels})[0][0]

    for item, features in in_order(of_image, read_images(data, items), os.cpu_count() or 1):
        if np.isfinite(features).all():
            yield item.sha256, features
        else:
            strange.append(item.source)
    if strange:
        raise Refused(
            f"the features of {len(strange)} images are not finite numbers: {', '.join(strange[:NAMED])}",
            "look at these images, or name another backbone in train.backbone",
        )
