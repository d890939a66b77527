"""Spec files: one spec, a list of them, or {jobs: [...]}, as YAML or JSON."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml


class BadSpecFileError(Exception):
    """A spec file cannot be read or does not hold specs; the message says why."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers and booleans: `1e-3` is a number, and `no`, `off` and `2026-11-29` are strings."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", _Loader.DEFAULT_SCALAR_TAG)
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read(path: str) -> tuple[list[dict[str, Any]], bool]:
    """The specs in the file (`-`: standard input), and whether it holds several. Raises `BadSpecFileError`."""
    document, several = content(path), True
    if isinstance(document, dict) and set(document) == {"jobs"}:
        document = document["jobs"]
    elif isinstance(document, dict):
        document, several = [document], False
    if not isinstance(document, list) or not document or not all(isinstance(spec, dict) for spec in document):
        empty = "is empty: it " if document is None else ""
        raise BadSpecFileError(f"{path} {empty}must hold one spec (keys and values), a list of specs, or jobs: [...].")
    return document, several


def content(path: str) -> Any:
    """The value of the YAML or JSON in the file (`-`: standard input). Raises `BadSpecFileError`."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSpecFileError(f"Cannot read {path}: {reason}.") from error
    return value(text, path)


def value(text: str, path: str) -> Any:
    """The value of the YAML or JSON in `text`; errors name `path`."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader by another name
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", error)
        raise BadSpecFileError(f"{path} is neither YAML nor JSON: {problem}{where}.") from error
