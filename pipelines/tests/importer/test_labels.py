"""Labels in the forms that people have them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_pipelines.errors import PipelineError
from headgate_pipelines.importer import labels

TWO = ["cat, tabby", "Hund"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "cat, tabby\nHund\n"),
        ("a.txt", "\ufeffcat, tabby\r\nHund\r\n\r\n"),
        ("a.names", "cat, tabby\nHund"),
        ("a.json", '["cat, tabby", "Hund"]'),
        ("a.json", '{"1": "Hund", "0": "cat, tabby"}'),
        ("a.json", '{"0": ["n02123045", "cat, tabby"], "1": ["n02084071", "Hund"]}'),
        ("a.json", '{"cat, tabby": 0, "Hund": 1}'),
        ("a.csv", '"cat, tabby"\nHund\n'),
        ("a.csv", 'id,label\n1,Hund\n0,"cat, tabby"\n'),
        ("a.csv", '"cat, tabby",0\nHund,1\n'),
    ],
)
def test_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert labels.read(tmp_path / name) == TWO


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "", "there are none"),
        ("a.txt", "cat\n\nHund\n", "class 1 has no label"),
        ("a.json", '{"0": "cat", "2": "Hund"}', "class 1 is missing"),
        ("a.json", '{"0": "cat", "00": "Hund"}', "there twice"),
        ("a.json", '{"first": "cat"}', "invalid literal"),
        ("a.json", "[1, 2]", "1 is no text"),
        ("a.json", '"cat"', "neither a list nor an object"),
        ("a.json", "{", "Expecting"),
        ("a.csv", "0,cat,x\n", "one or two columns"),
        ("a.csv", "a,cat\nb,Hund\n", "neither of its columns"),
        ("b.txt", None, "cannot be read"),
    ],
)
def test_are_refused_with_the_forms_that_there_are(name: str, text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(PipelineError) as refused:
        labels.read(tmp_path / name)
    assert said in refused.value.message
    assert refused.value.remedy


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1), min_size=1, max_size=20))
def test_of_any_letters_come_back_from_each_form(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    import csv
    import json

    folder = tmp_path_factory.mktemp("labels")
    (folder / "a.json").write_text(json.dumps(dict(enumerate(names))), "utf-8")
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(enumerate(names))
    assert labels.read(folder / "a.json") == labels.read(folder / "a.csv") == names


@pytest.mark.parametrize(("count", "said"), [(5, ""), (4, "`background`"), (6, "heading"), (9, "--output")])
def test_are_one_for_each_class(count: int, said: str) -> None:
    names = [str(i) for i in range(count)]
    if not said:
        labels.check_count(names, 5)
        return
    with pytest.raises(PipelineError) as refused:
        labels.check_count(names, 5)
    assert said in refused.value.remedy
