"""A second, independent forward run of EfficientNet-Lite0: numpy alone, channels last, nothing folded.

It shares no code with the converter: own architecture table, own padding, batch normalisation as a step.
"""

import numpy as np

# kernel, stride, expansion of each of the 16 blocks.
BLOCKS = (
    *((3, 1, 1), (3, 2, 6), (3, 1, 6), (5, 2, 6), (5, 1, 6)),
    *((3, 2, 6), (3, 1, 6), (3, 1, 6), (5, 1, 6), (5, 1, 6), (5, 1, 6)),
    *((5, 2, 6), (5, 1, 6), (5, 1, 6), (5, 1, 6), (3, 1, 6)),
)

Weights = dict[str, np.ndarray]


def pad_same(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """[H,W,C] with zeros around it as TensorFlow's SAME does."""
    size = x.shape[0]
    missing = (kernel - stride) if size % stride == 0 else (kernel - size % stride)
    before = max(missing, 0) // 2
    after = max(missing, 0) - before
    return np.pad(x, ((before, after), (before, after), (0, 0)))


def taps(x: np.ndarray, kernel: int, stride: int) -> list[tuple[int, int, np.ndarray]]:
    """For each kernel position the pixels that it meets, [H/stride,W/stride,C]."""
    out = -(-x.shape[0] // stride)
    padded = pad_same(x, kernel, stride)
    span = (out - 1) * stride + 1
    positions = [(row, column) for row in range(kernel) for column in range(kernel)]
    return [(r, c, padded[r : r + span : stride, c : c + span : stride]) for r, c in positions]


def dense(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Ordinary convolution of [H,W,I] with [O,I,k,k]."""
    parts = [pixels @ weight[:, :, r, c].T for r, c, pixels in taps(x, weight.shape[-1], stride)]
    return np.stack(parts).sum(axis=0)


def depthwise(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """Convolution of each channel with its own kernel, [C,1,k,k]."""
    parts = [pixels * weight[:, 0, r, c] for r, c, pixels in taps(x, weight.shape[-1], stride)]
    return np.stack(parts).sum(axis=0)


def normalise(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Batch normalisation with the trained statistics."""
    spread = np.sqrt(weights[f"{name}.running_var"] + np.float32(1e-3))
    centred = (x - weights[f"{name}.running_mean"]) / spread
    return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def relu6(x: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(x, 0), 6)


def block(x: np.ndarray, weights: Weights, index: int) -> np.ndarray:
    kernel, stride, expansion = BLOCKS[index]
    name = f"_blocks.{index}"
    y = x
    if expansion > 1:
        y = relu6(normalise(dense(y, weights[f"{name}._expand_conv.weight"]), weights, f"{name}._bn0"))
    depth = weights[f"{name}._depthwise_conv.weight"]
    assert depth.shape[-1] == kernel
    y = relu6(normalise(depthwise(y, depth, stride), weights, f"{name}._bn1"))
    y = normalise(dense(y, weights[f"{name}._project_conv.weight"]), weights, f"{name}._bn2")
    return x + y if y.shape == x.shape else y


def forward(image: np.ndarray, weights: Weights) -> np.ndarray:
    """Logits float32 [1000] of one uint8 image [224,224,3]."""
    x = (image.astype(np.float32) - 127) / 128
    x = relu6(normalise(dense(x, weights["_conv_stem.weight"], stride=2), weights, "_bn0"))
    for index in range(len(BLOCKS)):
        x = block(x, weights, index)
    x = relu6(normalise(dense(x, weights["_conv_head.weight"]), weights, "_bn1"))
    return x.mean(axis=(0, 1)) @ weights["_fc.weight"].T + weights["_fc.bias"]
