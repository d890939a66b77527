"""Text whose lines are changed before they are parsed, as bytes: delimiters of two characters, escaped quotes."""

import io
import re
from collections.abc import Callable
from pathlib import Path

Change = Callable[[bytes], bytes]
BLOCK = 1 << 20
DOUBLED = "::"
"""The delimiter of MovieLens; a parser takes one character, `STANDS_IN`."""
STANDS_IN = "\x1f"
_QUOTED_LINE = re.compile(rb'^"(.*)"(?=\r?$)', re.MULTILINE)
_QUOTED = re.compile(r'"(?:[^"]++|"")*+"')
_DIVIDED = re.compile(r"[,;\t|]")


def divided(text: bytes) -> bytes:
    """Lines with one character for the delimiter of two."""
    return text.replace(DOUBLED.encode(), STANDS_IN.encode())


def has_escaped_quotes(text: str, delimiter: str) -> bool:
    r"""Whether quotes within cells are written as `\"`: before a letter none ends a cell, as that of `"C:\"` does."""
    return re.search(rf'\\"(?=[^"{re.escape(delimiter)}\s])', text) is not None


def with_doubled_quotes(text: bytes) -> bytes:
    r"""Lines with `""` for `\"`."""
    return re.sub(rb'(?<!\\)\\"', b'""', text)


def are_quoted_lines(text: str) -> bool:
    """Whether each line is one cell in quotes that holds a whole row: `"a,b,y"`, `"1,""x"",3"`."""
    if not text.startswith('"'):
        return False
    lines = text.splitlines()[:-1]
    return len(lines) > 1 and all(_QUOTED.fullmatch(line) and _DIVIDED.search(line) for line in lines if line)


def without_outer_quotes(text: bytes) -> bytes:
    """Lines without the quotes around each."""
    return _QUOTED_LINE.sub(lambda found: found[1].replace(b'""', b'"'), text)


class Changed(io.RawIOBase):
    """A file of text, each byte a character or a part of one, up to `end`, whose lines come as `changes` make them."""

    def __init__(self, file: Path, *changes: Change, end: int | None = None) -> None:
        super().__init__()
        self._file, self._rest, self._ready = file.open("rb"), b"", b""
        self._changes = changes
        self._left = file.stat().st_size if end is None else end

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as there are whole lines."""
        while not self._ready:
            block = self._file.read(min(BLOCK, self._left))
            self._left -= len(block)
            lines, newline, rest = (self._rest + block).rpartition(b"\n")
            self._ready, self._rest = self._changed(lines + newline), rest
            if not block:
                self._ready, self._rest = self._changed(self._rest), b""
                break
        view = memoryview(buffer)  # type: ignore[arg-type]
        count = min(len(view), len(self._ready))
        view[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _changed(self, lines: bytes) -> bytes:
        for change in self._changes:
            lines = change(lines)
        return lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
