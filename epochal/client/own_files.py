"""Files of the user that are sent to the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import BadFileError


@contextmanager
def opened(file: Path) -> Iterator[BufferedReader]:
    """The file, open to be read. Raises `BadFileError`, which names it, when it is empty or cannot be read."""
    try:
        with file.open("rb") as stream:
            if file.is_file() and not file.stat().st_size:
                raise BadFileError(f"{file} is empty.")
            yield stream
    except OSError as error:
        raise BadFileError(f"Cannot read {file}: {error.strerror}.") from error
