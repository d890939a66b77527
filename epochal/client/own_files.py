"""Files of the user that are sent to the service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import BadFileError


@contextmanager
def opened(file: Path) -> Iterator[BufferedReader]:
    """The file, open to be read. Raises `BadFileError`, which names it, when it is empty or cannot be read."""
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise BadFileError(f"{file} is a pipe or a device of no known size: save what it gives as a file first.")
        with file.open("rb") as stream:
            if not file.stat().st_size:
                raise BadFileError(f"{file} is empty.")
            yield stream
    except OSError as error:
        raise BadFileError(f"Cannot read {file}: {error.strerror}.") from error


def name_of(file: Path) -> str:
    """The file's name; bytes of it that are no UTF-8 are replaced."""
    return os.fsencode(file.name).decode(errors="replace")
