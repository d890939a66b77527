"""The data set and the job that a spec names become their ids; a file is refused with what to do first."""

import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from spec.dataset import BUILTIN, DATASET_ID

from ..client import Api
from ..client.find import find_dataset, find_job
from ..client.frames import looks_like_file
from ..errors import BadFileError, NotFoundError, ServerUnreachableError


def with_ids(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with the ids of the data set and of the job that it names. Raises `BadFileError` if it names a file."""
    return _with_start(_with_dataset(spec))


def _with_start(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with the id of the job that it begins from."""
    name = spec.get("init_from")
    if isinstance(name, str):
        with suppress(NotFoundError, ServerUnreachableError), Api() as client:  # then the spec's own error says it
            return {**spec, "init_from": find_job(client, name)}
    return spec


def _with_dataset(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with the id of the uploaded data set that it names. Raises `BadFileError` if it names a file."""
    name = spec.get("dataset")
    if not isinstance(name, str) or name in BUILTIN or re.fullmatch(DATASET_ID, name):
        return spec
    if looks_like_file(name):
        quoted = shlex.quote(name)
        raise BadFileError(
            f"dataset (--dataset): {name} is a file. Upload it first, and then use the id that is printed:\n"
            f"  epochal datasets upload {quoted} --target COLUMN\n"
            f"  epochal submit --dataset ds_...\n"
            f"COLUMN is the column to predict{_columns_of(Path(name))}."
        )
    with suppress(NotFoundError, ServerUnreachableError), Api() as client:  # then the spec's own error says it
        return {**spec, "dataset": find_dataset(client, name)}
    return spec


def _columns_of(file: Path) -> str:
    """The columns of a text file, from its first line."""
    if file.suffix.lower() not in (".csv", ".tsv", ".txt", ".dat", ".data"):
        return ""
    with suppress(OSError, UnicodeDecodeError), file.open(encoding="utf-8-sig") as lines:
        first = lines.readline(2000).strip()
        return f"; the first line of the file is: {first}" if first else ""
    return ""
