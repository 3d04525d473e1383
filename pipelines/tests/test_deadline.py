"""Waiting ends with the answer or with the deadline."""

import pytest

from headgate_pipelines.deadline import Deadline
from headgate_pipelines.errors import Unavailable


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def deadline(within_s: float) -> Deadline:
    clock = Clock()
    return Deadline(within_s, clock=lambda: clock.now, sleep=clock.sleep)


def test_the_first_answer_ends_the_wait() -> None:
    answers = iter([None, None, 3, 4])
    assert deadline(10).until(lambda: next(answers), "a number") == 3


def test_falsy_answers_are_answers() -> None:
    assert deadline(10).until(lambda: 0, "a number") == 0


def test_the_deadline_ends_the_wait_and_names_what_did_not_happen(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[int] = []
    with pytest.raises(Unavailable, match="the moon did not happen within 30 s"):
        deadline(30).until(lambda: asked.append(1), "the moon")
    assert len(asked) == 31
    said = capsys.readouterr().err.splitlines()
    assert said == [f"waiting for the moon: {seconds} s" for seconds in (2, 4, 8, 16)]
