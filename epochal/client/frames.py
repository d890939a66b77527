"""Frames and files that a user has, as files that the service reads.

Frames are recognised by their methods, so that neither pandas nor polars is needed.
"""

import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadFileError, WrongUseError

DATA_FILES = (
    *(".csv", ".tsv", ".txt", ".dat", ".data", ".parquet", ".pq", ".npz", ".arff", ".gz", ".zip"),
    *(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".json", ".jsonl", ".ndjson", ".geojson"),
)
"""Endings of files with data."""
_LARGEST = 1 << 63
_TOO_LARGE = "whole numbers beyond 2^63"
_AS_TEXTS = "send them as texts, astype(str), if they name classes or categories, or as numbers, astype(float)."


def is_frame(data: Any) -> bool:
    """Whether it is a frame of pandas or polars."""
    return hasattr(data, "columns") and (hasattr(data, "to_parquet") or hasattr(data, "write_parquet"))


def is_pair(data: Any) -> bool:
    """Whether it is features and targets, `(X, y)`, as arrays, tensors or lists."""
    return isinstance(data, tuple) and len(data) == 2 and all(hasattr(one, "__len__") for one in data)


def looks_like_file(data: Any) -> bool:
    """Whether it is the path of a file with data, rather than the name of a data set."""
    if isinstance(data, Path):
        return True
    return isinstance(data, str) and (Path(data).suffix.lower() in DATA_FILES or Path(data).is_file())


@contextmanager
def as_file(data: Any) -> Iterator[Path]:
    """The path of a file with the data: a path, an open file, a frame, or the arrays `(X, y)`.

    A frame becomes Parquet without its index, arrays become NPZ.

    Raises `BadFileError` and `WrongUseError`.
    """
    if isinstance(data, str | Path):
        yield Path(data)
        return
    with tempfile.TemporaryDirectory(prefix="epochal-") as folder:
        if is_frame(data):
            file = Path(folder) / "frame.parquet"
            _write(data, file)
        elif is_pair(data):
            file = Path(folder) / "arrays.npz"
            _save(data[0], data[1], file)
        elif hasattr(data, "read"):
            file = Path(folder) / _name(data)
            _copy(data, file)
        else:
            raise WrongUseError(
                f"A data set is a path, an open file, a frame or a pair of arrays (X, y), not {type(data).__name__}."
            )
        yield file


def _write(frame: Any, file: Path) -> None:
    try:
        if hasattr(frame, "write_parquet"):  # polars
            frame.write_parquet(file)
        else:
            frame.rename(columns=str).to_parquet(file, index=False)
    except OverflowError as error:  # whole numbers of Python have any size
        where = ", ".join(repr(str(name)) for name in frame.columns if _is_too_large(frame[name]))
        raise BadFileError(f"The frame has {_TOO_LARGE} in {where or 'a column'}: {_AS_TEXTS}") from error
    except (TypeError, ValueError, ImportError) as error:
        raise BadFileError(
            f"The frame cannot be sent as Parquet: {error}. Give each column values of one type."
        ) from error


def _save(features: Any, targets: Any, file: Path) -> None:
    import numpy  # only who has arrays needs it

    arrays = _array("X", features), _array("y", targets)
    with file.open("wb") as saved:
        numpy.savez(saved, X=arrays[0], y=arrays[1])


def _array(name: str, given: Any) -> Any:
    """The values as an array of numbers or texts; pandas has both as objects. Raises `BadFileError`."""
    import numpy

    try:
        array = numpy.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise BadFileError(f"{name} is no array: {error}") from error
    if array.dtype.kind not in "OT":
        return array
    values = [math.nan if _is_gap(value) else value for value in array.ravel().tolist()]
    if _is_too_large(values):
        raise BadFileError(f"{name} has {_TOO_LARGE}: {_AS_TEXTS}")
    kinds = {numpy.dtype(kind).kind for kind in {type(value) for value in values}}
    if kinds == {"U"} or kinds <= set("biuf"):
        array = numpy.array(values).reshape(array.shape)
    if array.dtype.kind not in "biufU":
        raise BadFileError(f"{name} is no array of numbers, nor one of texts without gaps: send a frame with `target`.")
    return array


def _is_too_large(values: Iterable[Any]) -> bool:
    """Whether some are whole numbers that no array of whole numbers holds beside negative ones."""
    return any(isinstance(value, int) and not -_LARGEST <= value < _LARGEST for value in values)


def _is_gap(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _name(stream: Any) -> str:
    """The stream's own name, if it has one; what it holds is recognised by its content."""
    name = getattr(stream, "name", None)
    return Path(name).name if isinstance(name, str) and Path(name).name else "upload"


def _copy(stream: Any, file: Path) -> None:
    with file.open("wb") as copy:
        first = stream.read(1 << 16)
        if isinstance(first, str):
            copy.write(first.encode())
            while more := stream.read(1 << 16):
                copy.write(more.encode())
        else:
            copy.write(first)
            shutil.copyfileobj(stream, copy)
