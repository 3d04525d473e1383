"""What every peer does with a photo: decode with Pillow, the preprocessing of the manifest, top 5 of the softmax.

The ONNX file is Headgate's own: uint8 NHWC in, normalisation inside the graph. The environment says the rest:
PEER_MODEL, PEER_LABELS (JSON list); PEER_SIDE, PEER_CROP and PEER_MODE (of Pillow) for
another model than EfficientNet-Lite0.
"""

import io
import json
import os

import numpy as np
import onnxruntime
from PIL import Image

SIDE = int(os.environ.get("PEER_SIDE", "224"))
CROP = float(os.environ.get("PEER_CROP", "0.875"))
MODE = os.environ.get("PEER_MODE", "RGB")
TOP_K = 5

with open(os.environ["PEER_LABELS"], encoding="utf-8") as labels_file:
    LABELS = json.load(labels_file)


def open_session() -> onnxruntime.InferenceSession:
    """The model, on one CPU thread, warm for every batch size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        os.environ["PEER_MODEL"], options, providers=["CPUExecutionProvider"]
    )
    for size in (1, 8):
        run(session, np.zeros((size, SIDE, SIDE, len(MODE)), np.uint8))
    return session


def preprocess(photo: bytes) -> np.ndarray:
    """Centre crop of a share of the short side, bicubic, uint8 [SIDE, SIDE, channels]. `draft` lets libjpeg scale down."""
    with Image.open(io.BytesIO(photo)) as image:
        image.draft(MODE, (round(SIDE / CROP), round(SIDE / CROP)))
        converted = image.convert(MODE)
    width, height = converted.size
    side = int(min(width, height) * CROP)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    pixels = np.asarray(converted.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
    return pixels.reshape(SIDE, SIDE, len(MODE))


def run(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Logits [N, classes] of uint8 [N, SIDE, SIDE, channels]."""
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]


def top_classes(logits: np.ndarray) -> list[dict]:
    """The five likeliest classes of one photo."""
    exponentials = np.exp(logits - logits.max())
    probabilities = exponentials / exponentials.sum()
    best = np.argpartition(probabilities, -TOP_K)[-TOP_K:]
    best = best[np.argsort(probabilities[best])[::-1]]
    return [
        {"class_id": int(i), "label": LABELS[i], "score": round(float(probabilities[i]), 6)} for i in best
    ]
