"""Work in threads, for code that leaves the interpreter's lock: decoders, digests, the network."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_order(work: Callable[[Item], Answer], items: Iterable[Item], workers: int) -> Iterator[Answer]:
    """`work` of each item, in the order of the items. At most twice as many results as workers wait."""
    in_flight: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            in_flight.append(pool.submit(work, item))
            if len(in_flight) == 2 * workers:
                yield in_flight.popleft().result()
        while in_flight:
            yield in_flight.popleft().result()
