"""How the characters of a text file are encoded."""

import codecs
import re
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from .errors import RefusedError, shown

HEAD = 1 << 20
"""Bytes of a file's head, by which its encoding and its delimiter are found."""
WESTERN = ("cp1252", "latin-1")
"""What text is read as that is no UTF: each byte is a character of both."""
NAMED = (
    *("gb18030", "big5", "cp949", "cp932", "euc_jp", "cp1251", "koi8_r", "cp866", "cp1250", "iso8859_2", "cp1254"),
    *("cp1253", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "cp850", "cp852", "mac_roman"),
)
"""What text is read as that is no UTF where it then has a column that somebody spoke of."""
SEVERAL_BYTES = ("gb18030", "big5", "cp949", "cp932", "euc_jp")
OTHER_LETTERS = ("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874")
"""Encodings of letters that are not Latin: by what is written in them, they are told from the Western one."""
GUESSED = (*WESTERN, *SEVERAL_BYTES, *OTHER_LETTERS)
"""What is read without a word on it in the file, and is to be said."""
FEWEST = 20
"""Letters that are not ASCII, by which they are told: fewer may be of any encoding."""
MOST_MIXED = 0.05
"""Such a share of words may have Latin letters beside those."""
MOST_ASCII = 0.75
"""Such a share of letters of two bytes may end with an ASCII one: two letters of a Western word are such a pair."""
FOREIGN = 5_000
"""So many cells with such letters are looked at."""
_CELLS = re.compile(rb"[,;\t\r\n\"]+")
"""What divides cells: no byte of a letter."""
_WORD = re.compile(r"[^\W\d_]+")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
"""Letters of Japan that nearly any bytes are."""
ASCII, HEBREW = bytes(range(0x80)), bytes(range(0xE0, 0xFB))
WIDE = ("utf-16", "utf-32")
WITHOUT_MARK = ("utf-16-le", "utf-16-be")
ZEROS = 32
"""First bytes, every second of which is 0 in UTF-16 without a mark."""


def chosen_encoding(file: Path, asked: str | None, usual: str | None, named: Collection[str]) -> tuple[str, list[str]]:
    """The encoding of a text, and what is to be said of it: `asked`, or what its bytes say.

    `named` are columns that somebody spoke of. `usual` is its encoding if it is no UTF. Raises `RefusedError`.
    """
    if asked is not None:
        return _known_encoding(asked), []
    found = encoding_of(file, usual)
    if found in WITHOUT_MARK:
        return found, [f"The file is read as {found}, without a mark that says so."]
    if usual is not None or found not in WESTERN:
        return found, []
    meant = _encoding_with(file, named)
    if meant is None:
        return _of_other_letters(file) or found, []
    if meant in WESTERN:
        return found, []
    return meant, [f"The file is not UTF-8, and is read as {meant}, in which it has the columns that are named."]


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


def _encoding_with(file: Path, named: Collection[str]) -> str | None:
    """The encoding in which a text has the names that somebody spoke of, and which ASCII has not; None without any."""
    names = [name.removeprefix("-") for name in named if not name.isascii()]
    if not names:
        return None
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    for encoding in (*WESTERN, *NAMED):
        try:
            cells = [re.escape(name.encode(encoding)) for name in names]
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeError:
            continue
        if all(re.search(rb"(^|[\s,;|\"'])" + cell + rb"([\s,;|\"']|$)", head) for cell in cells):
            return encoding
    return None


def _of_other_letters(file: Path) -> str | None:
    """The encoding of a text that is written in letters which are not Latin; None of any other."""
    with file.open("rb") as stream:
        cells = _CELLS.split(stream.read(HEAD))[:-1]
        found = _likely(b"\n".join([cell for cell in cells if not cell.isascii()][:FOREIGN]))
        if found is None:
            return None
        stream.seek(0)
        decoder = codecs.getincrementaldecoder(found)()
        try:
            while block := stream.read(HEAD):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return None
    return found


def _likely(text: bytes) -> str | None:
    """The encoding of other letters than Latin ones that a text is likely to have."""
    from charset_normalizer import from_bytes  # most files are UTF-8

    best = from_bytes(text, cp_isolation=[WESTERN[0], *SEVERAL_BYTES, *OTHER_LETTERS]).best()
    if best is None:
        return None
    found = best.encoding
    if found == "cp874" and not text.translate(None, ASCII + HEBREW):  # of Thai, that has no consonant
        found = "cp1255"
    return found if _is_written_in(text.decode(found), found) else None


def _is_written_in(text: str, encoding: str) -> bool:
    """Whether there are words in letters of this encoding, and hardly one with Latin ones, too, as `Grцяe` has."""
    shortest = 1 if encoding in SEVERAL_BYTES else 2
    words = [word for word in _WORD.findall(text) if not word.isascii() and len(word) >= shortest]
    if sum(map(len, words)) < FEWEST:
        return False
    if encoding in SEVERAL_BYTES:
        pairs = [pair for word in words for letter in word if len(pair := letter.encode(encoding)) == 2]
        with_ascii = [pair for pair in pairs if pair[1] < 0x80]
        return len(with_ascii) <= MOST_ASCII * len(pairs) and not all(map(_HALF_WIDTH.search, words))
    mixed = [word for word in words if any(map(str.isascii, word))]
    return encoding in OTHER_LETTERS and len(mixed) <= MOST_MIXED * len(words)


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


def _known_encoding(name: str) -> str:
    """An encoding by its name. Raises `RefusedError`."""
    try:
        "".encode(name)
        found = codecs.lookup(name).name
        return "utf8" if found in ("utf-8", "utf-8-sig") else found
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        said = f"is no encoding of text: {shown(name)}; such are utf-8, utf-16, cp1252, cp1250"
        raise RefusedError(said, path="encoding") from error
