"""Which images are held out: by the hash of their content, so that the answer is the same every day."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from headgate_pipelines.data.index import Split


def side_by_hash(sha256: str, holdout_share: float) -> Split:
    """The side of an image that nothing else decides."""
    return "holdout" if int(sha256[:8], 16) < holdout_share * 2**32 else "train"


def split_groups(
    digests: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[int],
    before: Mapping[str, Split],
    holdout_share: float,
) -> list[Split]:
    """The side of each image. Images that look alike have one side, so that nothing leaks into the holdout.

    A group with an image that was trained on before is `train`; one with an image that was held out is `holdout`.
    So an image keeps its side, with one exception: where a new image links a held-out one to one of the training set,
    the group moves to `train`. The other direction would let the champion be measured on what it was trained on. A
    class that lacks a side gets its new group with the lowest digest there.

    Args:
        digests: SHA-256 of each image, hexadecimal.
        labels: of each image.
        groups: of each image, any number that its group shares.
        before: side by digest, of the last run.
        holdout_share: 0 to 1.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    sides: dict[int, Split] = {}
    fresh: dict[int, str] = {}
    for group, positions in members.items():
        known = {before[digests[one]] for one in positions if digests[one] in before}
        lowest = min(digests[one] for one in positions)
        if known:
            sides[group] = "train" if "train" in known else "holdout"
        else:
            sides[group] = side_by_hash(lowest, holdout_share)
            fresh[group] = lowest
    if 0 < holdout_share < 1:
        _fill_sides(labels, groups, sides, fresh)
    return [sides[group] for group in groups]


def _fill_sides(
    labels: Sequence[str], groups: Sequence[int], sides: dict[int, Split], fresh: Mapping[int, str]
) -> None:
    """Gives each class an image on each side, where a new group can move without leaving its old side empty."""
    of_class: dict[str, set[int]] = defaultdict(set)
    for label, group in zip(labels, groups, strict=True):
        of_class[label].add(group)
    wanted: tuple[Split, Split] = ("holdout", "train")
    for label in sorted(of_class):
        for side in wanted:
            if any(sides[group] == side for group in of_class[label]) or len(of_class[label]) < 2:
                continue
            movable = sorted((fresh[group], group) for group in of_class[label] if group in fresh)
            if movable:
                sides[movable[0][1]] = side
