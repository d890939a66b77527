"""How the characters of a text file are encoded."""

import codecs
import re
from pathlib import Path
from typing import BinaryIO

from .errors import RefusedError, shown

HEAD = 1 << 20
"""Bytes of a file's head, by which its encoding and its delimiter are found."""
WESTERN = ("cp1252", "latin-1")
"""What text is read as that is no UTF: each byte is a character of both."""
WIDE = ("utf-16", "utf-32")
WITHOUT_MARK = ("utf-16-le", "utf-16-be")
ZEROS = 32
"""First bytes, every second of which is 0 in UTF-16 without a mark."""


def encoding_of(file: Path, usual: str | None) -> str:
    """UTF-8, UTF-16 or UTF-32 where the bytes say so; else `usual`, or the old Western one, which takes any byte."""
    with file.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
            return "utf-32"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        begin = stream.read(ZEROS)
        for name, zeros, letters in zip(
            WITHOUT_MARK, (begin[1::2], begin[::2]), (begin[::2], begin[1::2]), strict=True
        ):
            if len(begin) == ZEROS and not any(zeros) and all(letters):
                return name
        stream.seek(0)
        decoder, encoding, foreign = codecs.getincrementaldecoder("utf-8")(), "utf8", set[int]()
        while block := stream.read(HEAD):
            if b"\0" in block:
                where = stream.tell() - len(block) + block.index(0)
                raise RefusedError(
                    f"holds a NUL byte, near byte {where}, and is no text; of UTF-16, say encoding=utf-16-le"
                )
            if encoding == "utf8":
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    encoding = usual or "latin-1"
            if encoding != "utf8":
                foreign.update(block)
        if encoding == "utf8" and (half := decoder.getstate()[0]):
            if not _is_ascii(stream, file.stat().st_size - len(half)):
                raise RefusedError("ends within a character: it is cut short")
            encoding, foreign = usual or "latin-1", set(half)
    return "cp1252" if usual is None and _is_cp1252(bytes(foreign)) else encoding


def _is_ascii(stream: BinaryIO, count: int) -> bool:
    """Whether the first bytes of a file are ASCII."""
    stream.seek(0)
    return all(stream.read(min(HEAD, count - at)).isascii() for at in range(0, count, HEAD))


def _is_cp1252(block: bytes) -> bool:
    """Windows' variant has letters and quotes where Latin-1 has control characters, and five bytes with no meaning."""
    return bool(re.search(rb"[\x80-\x9f]", block)) and not re.search(rb"[\x81\x8d\x8f\x90\x9d]", block)


def first_foreign(head: str) -> str:
    """The first word that is not ASCII."""
    found = re.search(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", head)
    return found[0] if found is not None else ""


def head_of(file: Path, encoding: str) -> str:
    """The first characters of a file. Raises `RefusedError` where they are none of this encoding."""
    with file.open("rb") as stream:
        raw = stream.read(HEAD)
    name = "utf-8-sig" if encoding == "utf8" else encoding
    try:
        return codecs.getincrementaldecoder(name)(errors="strict" if encoding == "utf8" else "replace").decode(raw)
    except (UnicodeError, LookupError) as error:
        raise RefusedError(f"is not that of the file: {encoding}", path="encoding") from error


def known_encoding(name: str) -> str:
    """An encoding by its name. Raises `RefusedError`."""
    try:
        "".encode(name)
        found = codecs.lookup(name).name
        return "utf8" if found in ("utf-8", "utf-8-sig") else found
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        said = f"is no encoding of text: {shown(name)}; such are utf-8, utf-16, cp1252, cp1250"
        raise RefusedError(said, path="encoding") from error
