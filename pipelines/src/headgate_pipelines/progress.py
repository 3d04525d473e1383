"""One line on standard error that tells how far a command is, or what it waits for."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TextIO, TypeVar

Item = TypeVar("Item")

QUIET_S = 2.0
"""Work that is done within this time prints nothing."""
TERMINAL_EVERY_S = 0.5
LOG_EVERY_S = 10.0
"""A log keeps every line, a terminal overwrites it."""


@contextmanager
def waiting(what: str, quiet_s: float = QUIET_S, out: TextIO | None = None) -> Iterator[None]:
    """Prints `what` on `out` (default: stderr) once, where the block takes longer than `quiet_s` seconds."""
    stream = out if out is not None else sys.stderr
    timer = Timer(quiet_s, lambda: print(f"{what} ...", file=stream, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def with_progress(
    items: Iterable[Item],
    total: int,
    what: str,
    clock: Callable[[], float] = time.monotonic,
    out: TextIO | None = None,
) -> Iterator[Item]:
    """The same items; meanwhile lines such as `features: 300 of 1400, 12 s left` on `out` (default: stderr).

    An item counts as done when the next one is asked for.
    """
    stream = out if out is not None else sys.stderr
    is_terminal = stream.isatty()
    every = TERMINAL_EVERY_S if is_terminal else LOG_EVERY_S
    started = clock()
    due = started + QUIET_S
    for done, item in enumerate(items, start=1):
        yield item
        now = clock()
        if now >= due:
            left = (now - started) / done * max(total - done, 0)
            end = "\r" if is_terminal and done < total else "\n"
            print(f"{what}: {done} of {total}, {left:.0f} s left", end=end, file=stream, flush=True)
            due = now + every
