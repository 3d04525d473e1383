"""The reference run's geometry, colours and ranking, on pictures small enough to check by hand."""

import numpy as np
from PIL import Image

from headgate_pipelines.convert.reference import Preprocessing, best, preprocess, softmax


def spec(side: int, channels: int = 1, crop: float = 1.0) -> Preprocessing:
    return Preprocessing(width=side, height=side, channels=channels, crop_fraction=crop)


def test_crops_the_centre_square_with_side_and_offsets_rounded_down() -> None:
    picture = np.arange(45, dtype=np.uint8).reshape(5, 9)
    pixels = preprocess(Image.fromarray(picture), spec(4, crop=0.875))
    np.testing.assert_array_equal(pixels[0, :, :, 0], picture[0:4, 2:6])


def test_crops_the_largest_part_with_the_proportions_of_the_input() -> None:
    picture = np.arange(96, dtype=np.uint8).reshape(8, 12)
    wide = Preprocessing(width=12, height=4, channels=1)
    np.testing.assert_array_equal(preprocess(Image.fromarray(picture), wide)[0, :, :, 0], picture[2:6])
    tall = Preprocessing(width=3, height=8, channels=1)
    np.testing.assert_array_equal(preprocess(Image.fromarray(picture), tall)[0, :, :, 0], picture[:, 4:7])


def test_stretches_the_whole_picture() -> None:
    picture = np.repeat(np.array([[50] * 6 + [150] * 6], np.uint8), 4, axis=0)
    stretched = Preprocessing(width=4, height=4, channels=1, fit="stretch", crop_fraction=0.1, resample="nearest")
    assert preprocess(Image.fromarray(picture), stretched)[0, 0, :, 0].tolist() == [50, 50, 150, 150]


def test_surrounds_the_whole_picture_with_the_border() -> None:
    picture = np.full((4, 8, 3), 200, np.uint8)
    boxed = Preprocessing(width=8, height=7, channels=3, fit="letterbox", border=114)
    assert preprocess(Image.fromarray(picture), boxed)[0, :, 0, 0].tolist() == [114, 200, 200, 200, 200, 114, 114]


def test_keeps_the_order_red_green_blue() -> None:
    picture = np.full((2, 2, 3), (10, 20, 30), np.uint8)
    assert preprocess(Image.fromarray(picture), spec(2, channels=3))[0, 0, 0].tolist() == [10, 20, 30]


def test_resizes_by_cubic_interpolation_which_overshoots_at_an_edge() -> None:
    """Nearest and linear stay within 100 to 200; the cubic with a = -1/2 leaves it by 7 (lanczos by 10)."""
    picture = np.repeat(np.array([[100] * 8 + [200] * 8], np.uint8), 16, axis=0)
    enlarged = preprocess(Image.fromarray(picture), spec(32))
    assert (int(enlarged.min()), int(enlarged.max())) == (93, 207)


def test_blends_transparency_over_black() -> None:
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[..., :3] = 200
    picture[0, :, 3] = 255
    pixels = preprocess(Image.fromarray(picture), spec(2, channels=3))
    assert pixels[0, 0].min() == 200
    assert pixels[0, 1].max() == 0


def test_takes_the_upper_bits_of_sixteen() -> None:
    picture = np.array([[0, 0x1234], [0x8000, 0xFFFF]], np.uint16)
    assert preprocess(Image.fromarray(picture), spec(2))[0, :, :, 0].tolist() == [[0, 0x12], [0x80, 0xFF]]


def test_ranks_best_first_and_ties_by_class() -> None:
    assert best(np.array([0.2, 0.4, 0.2, 0.1, 0.1]), 3) == [(1, 0.4), (0, 0.2), (2, 0.2)]


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0]], np.float32)), [[0.5, 0.5]])
