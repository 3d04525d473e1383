import io
from itertools import count

from headgate_pipelines.progress import with_progress


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
