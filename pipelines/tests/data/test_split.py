"""Who is alike, and which side each image is on."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate_pipelines.data.duplicates import group_alike
from headgate_pipelines.data.index import Split
from headgate_pipelines.data.split import split_groups


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


near = st.builds(lambda base, flips: base ^ sum({1 << flip for flip in flips}), st.sampled_from([0, 2**63, 0xABCDEF]),
                 st.lists(st.integers(0, 63), max_size=6))  # fmt: skip


@given(st.lists(near | st.integers(0, 2**64 - 1), min_size=1, max_size=40), st.integers(0, 16))
def test_groups_are_what_comparing_all_pairs_gives(phashes: list[int], bits: int) -> None:
    expected = list(range(len(phashes)))
    for one in range(len(phashes)):
        for two in range(one):
            if (phashes[one] ^ phashes[two]).bit_count() <= bits:
                low, high = sorted((expected[one], expected[two]))
                expected = [low if group == high else group for group in expected]
    found = group_alike(phashes, bits)
    assert [found.index(group) for group in found] == expected


@pytest.mark.parametrize("bits", range(1, 17))
def test_differences_spread_over_all_bits_are_found(bits: int) -> None:
    spread = sum(1 << (number * 64 // bits) for number in range(bits))
    assert group_alike([0, spread], bits) == [0, 0]
    assert group_alike([0, spread], bits - 1) == [0, 1]


@settings(max_examples=50)
@given(st.data())
def test_nothing_leaks_and_training_images_stay_over_days(data: st.DataObject) -> None:
    before: dict[str, Split] = {}
    count = 0
    phashes: list[int] = []
    for _ in range(3):
        phashes += data.draw(st.lists(near, min_size=1, max_size=30))
        count = len(phashes)
        digests = [digest(number) for number in range(count)]
        labels = [str(number % 3) for number in range(count)]
        groups = group_alike(phashes, 2)
        sides = split_groups(digests, labels, groups, before, 0.3)
        assert len({(group, side) for group, side in zip(groups, sides, strict=True)}) == len(set(groups))
        after: dict[str, Split] = dict(zip(digests, sides, strict=True))
        linked = {group for group, one in zip(groups, digests, strict=True) if before.get(one) == "train"}
        for group, one in zip(groups, digests, strict=True):
            if one in before and after[one] != before[one]:
                assert (before[one], group in linked) == ("holdout", True)
        before = after


def test_about_the_asked_share_is_held_out() -> None:
    digests = [digest(number) for number in range(2000)]
    sides = split_groups(digests, ["a"] * 2000, list(range(2000)), {}, 0.2)
    assert 340 < sides.count("holdout") < 460
    assert split_groups(digests[:50], ["a"] * 50, list(range(50)), {}, 0.2) == sides[:50]


def test_a_small_class_has_an_image_on_each_side() -> None:
    for first in range(0, 400, 4):
        digests = [digest(number) for number in range(first, first + 4)]
        sides = split_groups(digests, ["a", "a", "b", "b"], [0, 1, 2, 3], {}, 0.2)
        assert {sides[0], sides[1]} == {sides[2], sides[3]} == {"train", "holdout"}


def test_a_flood_of_equal_hashes_is_one_group() -> None:
    hashes = [0] * 100_000 + [int(value) for value in np.random.default_rng(1).integers(0, 2**63, 2000)]
    groups = group_alike(hashes, 4)
    assert len(set(groups[:100_000])) == 1
