"""Images that look alike, by the distance of their perceptual hashes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

HASH_BITS = 64


def alike_pairs(phashes: npt.NDArray[np.uint64], bits: int) -> Iterator[tuple[int, int]]:
    """Positions of each two hashes at a Hamming distance of at most `bits`; a pair may come twice.

    Of `bits` + 1 bands that divide the 64 bits, one is equal in both. So only hashes that share a band are compared.

    Args:
        phashes: [N], all different.
        bits: 0 to 16.
    """
    edges = np.linspace(0, HASH_BITS, bits + 2, dtype=np.uint64)
    for low, high in pairwise(edges):
        band = (phashes >> low) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            for at, one in enumerate(bucket[:-1], 1):
                others = bucket[at:]
                near = np.bitwise_count(phashes[others] ^ phashes[one]) <= bits
                yield from ((int(one), int(other)) for other in others[near])


def group_alike(phashes: Sequence[int], bits: int) -> list[int]:
    """A number for each image that its group shares. A chain of images that look alike is one group.

    Args:
        phashes: 64 bits each.
        bits: largest distance of two images that look alike; 0 to 16.
    """
    unique, positions = np.unique(np.array(phashes, dtype=np.uint64), return_inverse=True)
    pairs = list(alike_pairs(unique, bits)) if bits else []
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(unique), len(unique)))
    _, groups = connected_components(graph, directed=False)
    return [int(groups[position]) for position in positions]
