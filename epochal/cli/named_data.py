"""The data set and the job that a spec names become their ids; a file is refused with what to do first."""

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from spec.dataset import BUILTIN, DATASET_ID

from ..client import Api
from ..client.find import find_dataset, find_job
from ..client.frames import looks_like_file
from ..errors import BadFileError, NotFoundError, ServerUnreachableError

IdOf = Callable[[str], str | None]


def with_ids(specs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specs with the ids of the data sets and jobs that they name, each looked up once.

    Raises `BadFileError` if one names a file.
    """
    dataset_id, job_id = cache(partial(_id, find_dataset)), cache(partial(_id, find_job))
    return [_with_start(_with_dataset(spec, dataset_id), job_id) for spec in specs]


def _id(find: Callable[[Api, str], str], name: str) -> str | None:
    """The id that is meant; None where nothing has the name, which the error of the spec then says."""
    with suppress(NotFoundError, ServerUnreachableError), Api() as client:
        return find(client, name)
    return None


def _with_start(spec: dict[str, Any], id_of: IdOf) -> dict[str, Any]:
    """The spec with the id of the job that it begins from."""
    name = spec.get("init_from")
    return {**spec, "init_from": id_of(name) or name} if isinstance(name, str) else spec


def _with_dataset(spec: dict[str, Any], id_of: IdOf) -> dict[str, Any]:
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
    return {**spec, "dataset": id_of(name) or name}


def _columns_of(file: Path) -> str:
    """The columns of a text file, from its first line."""
    if file.suffix.lower() not in (".csv", ".tsv", ".txt", ".dat", ".data"):
        return ""
    with suppress(OSError, UnicodeDecodeError), file.open(encoding="utf-8-sig") as lines:
        first = lines.readline(2000).strip()
        return f"; the first line of the file is: {first}" if first else ""
    return ""
