"""Spec files: one spec, a list of them, or {jobs: [...]}, as YAML or JSON."""

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml


class BadSpecFileError(Exception):
    """A spec file cannot be read or does not hold specs; the message says why."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers and booleans: `1e-3` and `010` are numbers; `no`, `off`, `12:30` and `2026-11-29` are strings.

    A key that stands twice in a mapping is an error.
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_TAG}merge":
                continue
            if (name := (key.tag, key.value)) in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
            seen.add(name)
        return node


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    return int(text, 0 if text.lstrip("+-")[1:2] in ("x", "o") else 10)


_TAG = "tag:yaml.org,2002:"
_DIGITS = "-+0123456789"
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}null", f"{_TAG}merge")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    f"{_TAG}int", re.compile(r"^[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+)$"), list(_DIGITS)
)
_Loader.add_implicit_resolver(  # what is no integer
    f"{_TAG}float",
    re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list(f"{_DIGITS}."),
)
_Loader.add_constructor(f"{_TAG}int", _integer)


def read(path: str) -> tuple[list[dict[str, Any]], bool]:
    """The specs in the file (`-`: standard input), and whether it holds several. Raises `BadSpecFileError`."""
    document, several, name = content(path), True, named(path)
    if isinstance(document, dict) and set(document) == {"jobs"}:
        document = document["jobs"]
    elif isinstance(document, dict):
        document, several = [document], False
    if not isinstance(document, list) or not document or not all(isinstance(spec, dict) for spec in document):
        empty = "is empty: it " if document is None else ""
        raise BadSpecFileError(f"{name} {empty}must hold one spec (keys and values), a list of specs, or jobs: [...].")
    return document, several


def content(path: str) -> Any:
    """The value of the YAML or JSON in the file (`-`: standard input). Raises `BadSpecFileError`."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSpecFileError(f"Cannot read {named(path)}: {reason}.") from error
    return value(text, named(path))


def named(path: str) -> str:
    """The file in a message."""
    return "standard input" if path == "-" else path


def value(text: str, path: str) -> Any:
    """The value of the YAML or JSON in `text`; errors name `path`."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, one in pairs:
            if name in found:
                raise BadSpecFileError(f"{path} cannot be read as YAML or JSON: {name} is given twice.")
            found[name] = one
        return found

    with contextlib.suppress(ValueError):  # as YAML, JSON has no tabs before its lines, and no pairs of surrogates
        return json.loads(text, object_pairs_hook=once, parse_constant=str)
    try:
        documents = list(yaml.load_all(text, _Loader))
    except (yaml.YAMLError, ValueError) as error:  # a number may be too long
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", error)
        raise BadSpecFileError(f"{path} cannot be read as YAML or JSON: {problem}{where}.") from error
    if len(documents) > 1:
        raise BadSpecFileError(f"{path} has {len(documents)} documents (---): write a list of specs, or jobs: [...].")
    return documents[0] if documents else None
