import io
import threading
from itertools import count

from headgate_pipelines.progress import waiting, with_progress


def test_tells_how_far_long_work_is_and_passes_the_items_on() -> None:
    out = io.StringIO()
    seconds = count(0, 1)
    items = list(with_progress("abcdefghijklmnop", 16, "features", lambda: next(seconds), out))
    assert "".join(items) == "abcdefghijklmnop"
    assert out.getvalue().splitlines() == ["features: 2 of 16, 14 s left", "features: 12 of 16, 4 s left"]


def test_says_nothing_about_short_work() -> None:
    out = io.StringIO()
    assert list(with_progress(range(3), 3, "features", lambda: 0.0, out)) == [0, 1, 2]
    assert out.getvalue() == ""


def test_names_what_a_long_wait_is_for() -> None:
    said = threading.Event()

    class Screen(io.StringIO):
        def flush(self) -> None:
            said.set()

    out = Screen()
    with waiting("waiting for MLflow", 0, out):
        assert said.wait(10)
    assert out.getvalue() == "waiting for MLflow ...\n"


def test_says_nothing_about_a_short_wait() -> None:
    out = io.StringIO()
    with waiting("waiting for MLflow", 3600, out):
        [timer] = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    timer.join(10)
    assert out.getvalue() == ""
