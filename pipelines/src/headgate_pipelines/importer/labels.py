"""Labels of a classifier from the files that people have."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from headgate_pipelines.errors import PipelineError

FORMS = 'one label a line in .txt; a list or {"0": label, …} in .json; a column of labels, or class,label in .csv'


def read(path: Path) -> list[str]:
    """Index = class id.

    Raises:
        PipelineError: the file has another form, a class twice or not at all, or an empty label.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"the labels {path} cannot be read: {error}", "name a text file in UTF-8") from error
    try:
        if path.suffix.lower() == ".json":
            labels = _of_json(json.loads(text))
        else:
            labels = _of_csv(text) if path.suffix.lower() == ".csv" else text.rstrip().splitlines()
    except ValueError as error:
        raise PipelineError(f"the labels {path}: {error}", f"write {FORMS}") from error
    labels = [label.strip() for label in labels]
    if "" in labels or not labels:
        where = f"class {labels.index('')} has no label" if labels else "there are none"
        raise PipelineError(f"the labels {path}: {where}", f"write {FORMS}")
    return labels


def _of_json(content: Any) -> list[str]:
    if isinstance(content, list):
        return [_text(one) for one in content]
    if not isinstance(content, dict):
        raise ValueError("it is neither a list nor an object")
    if all(isinstance(one, int) for one in content.values()):
        return _by_class({number: label for label, number in content.items()}, len(content))
    return _by_class({int(number): _text(label) for number, label in content.items()}, len(content))


def _text(label: Any) -> str:
    """Keras writes ["n02123045", "tabby"]: the name comes last."""
    if isinstance(label, list) and label:
        label = label[-1]
    if not isinstance(label, str):
        raise ValueError(f"{json.dumps(label)} is no text")
    return label


def _by_class(labels: dict[int, str], count: int) -> list[str]:
    missing = [number for number in range(count) if number not in labels]
    if missing or len(labels) != count:
        raise ValueError(f"class {missing[0] if missing else count} is missing, or another is there twice")
    return [labels[number] for number in range(count)]


def _of_csv(text: str) -> list[str]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if not rows or len({len(row) for row in rows}) != 1 or len(rows[0]) > 2:
        raise ValueError("its rows do not have one or two columns")
    if len(rows[0]) == 1:
        return [cell for (cell,) in rows]
    number = next((i for i in (0, 1) if all(row[i].strip().isdigit() for row in rows[1:])), None)
    if number is None:
        raise ValueError("neither of its columns holds class numbers")
    has_head = not rows[0][number].strip().isdigit()
    body = rows[1:] if has_head else rows
    return _by_class({int(row[number]): row[1 - number] for row in body}, len(body))


def check_count(labels: list[str], classes: int) -> None:
    """Raises PipelineError where there is not one label for each class."""
    if len(labels) == classes:
        return
    message = f"there are {len(labels)} labels, but the output has {classes} classes"
    if classes == len(labels) + 1:
        remedy = "many TensorFlow networks count a background class first: add the line `background` before the others"
    elif classes == len(labels) - 1:
        remedy = "take the label of the background class, or a heading, out of the file"
    else:
        remedy = "take the labels that the network was trained with, or choose another output with --output"
    raise PipelineError(message, remedy)
