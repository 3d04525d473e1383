"""Waiting for another process, with a deadline and without a busy loop."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from headgate_pipelines.errors import Unavailable

T = TypeVar("T")

INTERVAL_S = 1.0
SAY_AFTER_S = 2.0


@dataclass
class Deadline:
    """Asks again and again until an answer is there.

    Args:
        within_s: longest wait, in seconds.
        interval_s: pause between two questions, in seconds.
        clock, sleep: monotonic time and a pause, in seconds; tests pass their own.
    """

    within_s: float
    interval_s: float = INTERVAL_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def until(self, ask: Callable[[], T | None], what: str, remedy: str = "") -> T:
        """The first answer that is not None.

        Raises:
            Unavailable: the time is over; names `what` was waited for.
        """
        say_at = SAY_AFTER_S
        while True:
            answer = ask()
            if answer is not None:
                return answer
            waited = self.clock() - self._started
            if waited >= self.within_s:
                raise Unavailable(f"{what} did not happen within {self.within_s:.0f} s", remedy)
            if waited >= say_at:
                say_at *= 2
                print(f"waiting for {what}: {waited:.0f} s", file=sys.stderr, flush=True)
            self.sleep(self.interval_s)
