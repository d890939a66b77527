"""Compressed files: gzip, and a zip of one file, unpacked within bounds before they are read."""

import gzip
import lzma
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from . import limits
from .errors import RefusedError, shown, some

BROKEN = (zipfile.BadZipFile, OSError, EOFError, struct.error, NotImplementedError, zlib.error, lzma.LZMAError)
"""What the unpacking of a broken archive raises."""
BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_LITTER = re.compile(
    r"(^|[/\\])((__MACOSX|\.ipynb_checkpoints)[/\\]|(\._[^/\\]*|\.DS_Store|Thumbs\.db|desktop\.ini)$)", re.IGNORECASE
)
"""What file managers add to a zip."""
IMAGES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""How names of image files end, in lower case: a zip of them is one data set."""
UNREAD_IMAGES = (
    *(".heic", ".heif", ".avif", ".jp2", ".svg", ".psd"),
    *(".cr2", ".nef", ".dng", ".dcm", ".nii", ".nii.gz"),
)
"""The same of images in forms that are not read: of telephones, cameras, drawings and hospitals."""
IMAGE_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
"""How an image file begins that comes alone; not `BM`, as the name of a column may."""
LEAST_BYTES = 4096
"""The time of a smaller file of an archive goes into opening it, and is that of so many bytes."""


def are_images(names: Iterable[str]) -> bool:
    """Whether most files of these names, in a zip, are images."""
    files = files_of(names)
    return sum(one.lower().endswith(IMAGES) for one in files) > len(files) / 2


def files_of(names: Iterable[str]) -> list[str]:
    """The names in a zip that are files, and not what file managers add."""
    return [name for name in names if not name.endswith(("/", "\\")) and not _LITTER.search(name)]


def names_in(file: Path) -> list[str]:
    """The names in a zip archive; none of a broken one, of which `kinds` says so."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def is_of_images(file: Path) -> bool:
    """Whether a file is an image, or a zip of some."""
    with file.open("rb") as stream:
        head = stream.read(8)
    return head.startswith(IMAGE_HEADS) or (head.startswith(b"PK") and are_images(names_in(file)))


def refuse_encrypted(member: zipfile.ZipInfo) -> None:
    """Raise `RefusedError` for a member that needs a password."""
    if member.flag_bits & 0x1:
        raise RefusedError(f"is encrypted, at {shown(member.filename)}: write it without a password")


@contextmanager
def unpacked(file: Path, name: str, folder: Path, most: int = limits.UNPACKED_BYTES) -> Iterator[tuple[Path, str]]:
    """A file and its name, or what it holds and the name of that, if it is gzip or a zip of one file.

    What it holds lies in `folder` until the context ends, or the process does. It may have `most` bytes, and
    `limits.RATIO` times those of the file. Raises `RefusedError`.
    """
    with file.open("rb") as begin:
        head = begin.read(4)
    if head.startswith(_GZIP):
        with gzip.open(file) as plain, _copy(plain, file, folder, most) as copy:
            yield copy, re.sub(r"\.gz$", "", name, flags=re.IGNORECASE)
    elif head.startswith(_ZIP) and (member := _only_member(file)) is not None:
        with (
            zipfile.ZipFile(file) as archive,
            _member(archive, member) as inner,
            _copy(inner, file, folder, most) as copy,
        ):
            yield copy, Path(member.filename).name
    else:
        yield file, name


def unpacked_bytes(file: Path, most: int = limits.UNPACKED_BYTES) -> int:
    """The size of a file by which it is given its time; of what it holds, if it is an archive that is read as such.

    That is no more than is unpacked of it.
    """
    size = file.stat().st_size
    try:
        with zipfile.ZipFile(file) as archive:
            files = set(files_of(archive.namelist()))
            said = sum(max(one.file_size, LEAST_BYTES) for one in archive.infolist() if one.filename in files)
    except (*BROKEN, ValueError):
        return size
    return max(size, min(said, _most(size, most)))


def _most(size: int, most: int) -> int:
    """Bytes that a file of this size may unpack to."""
    return min(most, max(limits.RATIO * size, limits.UNPACKED_SMALL))


@contextmanager
def _copy(stream: IO[bytes] | gzip.GzipFile, file: Path, folder: Path, most: int) -> Iterator[Path]:
    """All that a compressed stream holds, in a file without a name, which no end of the process leaves behind."""
    size = file.stat().st_size
    most = min(_most(size, most), shutil.disk_usage(folder).free // 2)
    with tempfile.TemporaryFile(dir=folder) as copy:
        try:
            while block := stream.read(BLOCK):
                if copy.tell() + len(block) > most:
                    raise RefusedError(f"unpacks to more than {most:,} bytes, from {size:,}: send a part of it")
                copy.write(block)
        except BROKEN as error:
            raise RefusedError(f"is compressed, and broken or cut short ({error})") from error
        copy.flush()
        yield Path(f"/dev/fd/{copy.fileno()}")


def _only_member(file: Path) -> zipfile.ZipInfo | None:
    """The one file of a zip; None of an NPZ, a sheet, or what is no zip: `kinds` says what that is."""
    try:
        with zipfile.ZipFile(file) as archive:
            files = set(files_of(archive.namelist()))
            members = [member for member in archive.infolist() if member.filename in files]
    except (*BROKEN, ValueError):
        return None
    names = [member.filename for member in members]
    is_known = any(one.endswith(".npy") or one.startswith("xl/") or one == "content.xml" for one in names)
    if not members or is_known or are_images(names):
        return None
    unread = [name for name in names if name.lower().endswith(UNREAD_IMAGES)]
    if len(names) > 1 and len(unread) > len(names) / 2:
        raise RefusedError(f"holds images that are not read, {some(unread)}: save them as PNG or JPEG")
    if len(members) > 1:
        raise RefusedError(f"is a zip archive of {len(members):,} files, {some(names)}: send one of them")
    return members[0]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    refuse_encrypted(member)
    try:
        return archive.open(member)
    except (*BROKEN, RuntimeError) as error:
        raise RefusedError(f"is compressed, and broken or cut short ({error})") from error
