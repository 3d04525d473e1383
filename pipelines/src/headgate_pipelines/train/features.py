"""Features of images: what the backbone sees in each."""

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime as ort
from PIL import Image

from headgate_pipelines.convert.reference import Preprocessing, preprocess
from headgate_pipelines.data.index import Item, read_images
from headgate_pipelines.errors import PipelineError, Refused
from headgate_pipelines.progress import with_progress
from headgate_pipelines.train.backbone import INPUT, Backbone
from headgate_pipelines.train.cache import FeatureCache

Answer = TypeVar("Answer")

NAMED = 5
"""Images that an error names."""


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
        cache: folder of the feature cache.

    Raises:
        PipelineError: an image is not the one of the index.
        Refused: features of an image are not finite numbers; the message names the images.
    """
    store = FeatureCache(cache / f"features-{backbone.cache_key()}.bin", backbone.width)
    rows: dict[str, int] = {}
    for item in items:
        rows.setdefault(item.sha256, len(rows))
    matrix = np.empty((len(rows), backbone.width), np.float32)
    known = np.zeros(len(rows), bool)
    for name, features in store.read(rows):
        matrix[rows[name]], known[rows[name]] = features, True
    missing = list({item.sha256: item for item in items if not known[rows[item.sha256]]}.values())
    for name, features in with_progress(
        store.append(_compute(backbone, data, missing)), len(missing), "train: features"
    ):
        matrix[rows[name]] = features
    return matrix[[rows[item.sha256] for item in items]]


def _compute(backbone: Backbone, data: Path, items: Sequence[Item]) -> Iterator[tuple[str, np.ndarray]]:
    """(SHA-256, features) in the order of the items. Each image is a batch of its own: its features do not depend on
    which others are missing."""
    session = open_session(backbone.graph.SerializeToString())
    strange: list[str] = []

    def of_image(item: Item, encoded: bytes) -> tuple[Item, np.ndarray]:
        if hashlib.sha256(encoded).hexdigest() != item.sha256:
            raise PipelineError(f"{item.source} is not the image of the index", "run headgate-pipelines ingest again")
        pixels = pixels_of(encoded, backbone.preprocessing)
        return item, session.run([backbone.features], {INPUT: pixels})[0][0]

    for item, features in _in_parallel(of_image, read_images(data, items)):
        if np.isfinite(features).all():
            yield item.sha256, features
        else:
            strange.append(item.source)
    if strange:
        raise Refused(
            f"the features of {len(strange)} images are not finite numbers: {', '.join(strange[:NAMED])}",
            "look at these images, or name another backbone in train.backbone",
        )


def _in_parallel(work: Callable[[Item, bytes], Answer], images: Iterable[tuple[Item, bytes]]) -> Iterator[Answer]:
    """Answers in the order of the images. Decoder and network both leave the interpreter's lock."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item, encoded in images:
            waiting.append(pool.submit(work, item, encoded))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
