"""Reads YAML by the rules of the serving engine, so that both see the same values in one file.

PyYAML follows YAML 1.1: `on`, `2026-12-01`, `1_000` and `12:30` would be no texts. It also takes the last one of two
equal keys.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml


class _Core(yaml.SafeLoader):
    """The core schema of YAML 1.2, without merge keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML declares it so)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen or key.value == "<<":
                problem = "a merge key" if key.value == "<<" else "a key that occurs twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _based(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node), 0)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_PLAIN: list[tuple[str, str, str]] = [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"0o[0-7]+|0x[0-9a-fA-F]+", "0"),
    ("int:decimal", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
]
for _name, _pattern, _first in _PLAIN:
    _firsts = ["" if letter == "\0" else letter for letter in _first]
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _firsts)
_Core.add_constructor("tag:yaml.org,2002:int", _based)
_Core.add_constructor("tag:yaml.org,2002:int:decimal", _whole)
_Core.add_constructor("tag:yaml.org,2002:float", _decimal)


def read_yaml(data: bytes) -> Any:
    """The document in UTF-8, with or without a byte order mark.

    Raises:
        yaml.YAMLError: it is no YAML, or not one that the serving engine reads.
    """
    try:
        return yaml.load(data.decode("utf-8-sig"), _Core)  # noqa: S506 (a SafeLoader)  # nosec B506
    except UnicodeDecodeError as error:
        raise yaml.YAMLError("the text is not UTF-8; save the file as UTF-8") from error
