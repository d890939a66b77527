"""Addresses of parts of files: many small files are stored as one, which costs one sync or one request."""

import re
from collections.abc import Iterator

_PART = re.compile(r"#(\d+)\+(\d+)$")


def part(uri: str, offset: int, size: int) -> str:
    """The address of `size` bytes of a stored file."""
    return f"{uri}#{offset}+{size}"


def pieces(uri: str, size: int, most: int) -> Iterator[str]:
    """The addresses of the parts, of `most` bytes each, of a stored file of `size` bytes, or of a part of one."""
    whole, found = split(uri)
    begin = 0 if found is None else found[0]
    for at in range(0, size, most):
        yield part(whole, begin + at, min(most, size - at))


def without_part(uri: str) -> tuple[str, int | None]:
    """The address of the whole file, and where the part begins; None where it is not a part."""
    whole, found = split(uri)
    return whole, None if found is None else found[0]


def split(path: str) -> tuple[str, tuple[int, int] | None]:
    """The path or address of the whole file, and offset and size in bytes of the part, if it is one."""
    found = _PART.search(path)
    return (path, None) if found is None else (path[: found.start()], (int(found[1]), int(found[2])))
