"""Train the small digits model that the repository carries: `python -m headgate_pipelines.convert.digits --root .`

Not part of setup: its result, models/digits/1 and samples/digit-7.png, is committed. It needs the packages of
the extra `lifecycle`. Data: the 1,797 handwritten digits of scikit-learn, 8x8 pixels, white on black. The
last 450 are kept apart for the accuracy in the manifest. Training distorts and resizes the others, because a
server gets digits of any size and shrinks them with a filter of its own.
"""

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import sklearn.datasets
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from headgate_pipelines.convert.artefacts import sha256
from headgate_pipelines.convert.manifest import ImageClassifier, publish_version
from headgate_pipelines.convert.reference import Preprocessing, open_session, scores

SEED = 0
HELD_OUT = 450
VARIATIONS = 19
HIDDEN = (128, 64)
SIDE = 8
SPEC = Preprocessing(width=SIDE, height=SIDE, channels=1, crop_fraction=1.0)
SAMPLE_SIDE = 128
FILTERS = (
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BILINEAR,
    Image.Resampling.NEAREST,
)


@dataclass(frozen=True)
class Digits:
    """Images uint8 [N,8,8], 0 to 255, and their labels int64 [N]."""

    images: np.ndarray
    labels: np.ndarray


def load() -> tuple[Digits, Digits]:
    """(to train on, held out). The set counts 0 to 16 inked pixels of 16; a byte has 0 to 255."""
    data = sklearn.datasets.load_digits()
    images = np.round(data.images * 255 / 16).astype(np.uint8)
    return (
        Digits(images[:-HELD_OUT], data.target[:-HELD_OUT]),
        Digits(images[-HELD_OUT:], data.target[-HELD_OUT:]),
    )


def resize(digit: np.ndarray, side: int, up: Image.Resampling, down: Image.Resampling) -> np.ndarray:
    """The digit enlarged to side x side and shrunk again, uint8 [8,8]."""
    return np.asarray(Image.fromarray(digit).resize((side, side), up).resize((SIDE, SIDE), down))


def distort(digit: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """uint8 [8,8] -> a variation: turned, sheared, scaled, moved, fainter, and resized at random."""
    side = int(random.integers(16, 193))
    angle, shear = np.deg2rad(random.uniform(-12, 12)), random.uniform(-0.12, 0.12)
    matrix = np.array([[np.cos(angle), np.sin(angle) + shear], [-np.sin(angle), np.cos(angle)]])
    matrix /= random.uniform(0.88, 1.12)
    centre = np.full(2, side / 2)
    offset = centre - matrix @ (centre + random.uniform(-0.6, 0.6, 2) * side / SIDE)
    large = Image.fromarray(digit).resize((side, side), FILTERS[random.integers(len(FILTERS))])
    coefficients = (*matrix[0], offset[0], *matrix[1], offset[1])
    turned = large.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    small = turned.resize((SIDE, SIDE), FILTERS[random.integers(len(FILTERS))])
    return np.clip(np.asarray(small) * random.uniform(0.8, 1.1), 0, 255).astype(np.uint8)


def train(digits: Digits) -> MLPClassifier:
    """A network of two hidden layers over the digits and their variations; input is pixels / 255."""
    random = np.random.default_rng(SEED)
    varied = [distort(digit, random) for _ in range(VARIATIONS) for digit in digits.images]
    pixels = np.concatenate([digits.images, np.stack(varied)]).reshape(-1, SIDE * SIDE) / 255
    network = MLPClassifier(HIDDEN, alpha=1e-3, batch_size=256, max_iter=40, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 40 rounds are meant, not convergence
        return network.fit(pixels, np.tile(digits.labels, VARIATIONS + 1))


def to_onnx(network: MLPClassifier) -> bytes:
    """`image` uint8 [N,8,8,1] -> `logits` float32 [N,10]."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["pixels"], name="pixels", axis=1),
        helper.make_node("Cast", ["pixels"], ["x0"], name="x0", to=TensorProto.FLOAT),
    ]
    initializers = []
    last = len(network.coefs_) - 1
    for index, (matrix, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        scale = 255 if index == 0 else 1
        initializers += [
            numpy_helper.from_array((matrix / scale).astype(np.float32), f"matrix{index}"),
            numpy_helper.from_array(bias.astype(np.float32), f"bias{index}"),
        ]
        output = "logits" if index == last else f"sum{index}"
        inputs = [f"x{index}", f"matrix{index}", f"bias{index}"]
        nodes.append(helper.make_node("Gemm", inputs, [output], name=output))
        if index != last:
            nodes.append(helper.make_node("Relu", [output], [f"x{index + 1}"], name=f"x{index + 1}"))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 1])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "digits", [image], [logits], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="headgate"
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def accuracy(model: bytes, digits: Digits) -> float:
    """Share of correct answers of the exported model, in [0, 1]."""
    answers = scores(open_session(model), digits.images[..., None]).argmax(axis=1)
    return float(np.mean(answers == digits.labels))


def resized_accuracy(model: bytes, digits: Digits) -> float:
    """The worst accuracy over every pair of filters, when the digits come enlarged to 128 x 128."""
    worst = 1.0
    for up in FILTERS:
        for down in FILTERS[:3]:
            images = np.stack([resize(digit, SAMPLE_SIDE, up, down) for digit in digits.images])
            worst = min(worst, accuracy(model, Digits(images, digits.labels)))
    return worst


def write_sample(path: Path, digits: Digits) -> None:
    """The first held-out seven, 128 x 128 grey PNG."""
    seven = digits.images[int(np.flatnonzero(digits.labels == 7)[0])]
    large = Image.fromarray(seven).resize((SAMPLE_SIDE, SAMPLE_SIDE), Image.Resampling.BICUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    large.save(path, optimize=True)


def _about(plain: float, resized: float) -> ImageClassifier:
    table = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    return ImageClassifier(
        name="digits",
        version="1",
        description=(
            "One handwritten digit, white on black, filling the picture. "
            f"Right on {plain:.1%} of {HELD_OUT} digits that training never saw; "
            f"on {resized:.1%} at worst when they come enlarged to {SAMPLE_SIDE} pixels."
        ),
        licence="Apache-2.0 (trained on data under CC-BY-4.0, see samples/LICENSES.md)",
        labels=[str(digit) for digit in range(10)],
        preprocessing=SPEC,
        source=f"scikit-learn {sklearn.__version__}, load_digits (UCI handwritten digits, test set)",
        source_sha256=sha256(table.read_bytes()),
        converter="headgate_pipelines.convert.digits",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digits model again.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="checkout (default: current folder)")
    root = parser.parse_args().root
    training, held_out = load()
    model = to_onnx(train(training))
    about = _about(accuracy(model, held_out), resized_accuracy(model, held_out))
    sample = root / "samples" / "digit-7.png"
    write_sample(sample, held_out)
    publish_version(root / "models", about, model, [sample])
    print(f"models/digits/1: {len(model):,} bytes. {about.description}")


if __name__ == "__main__":
    main()
