"""A zip of image files in folders, one for each class, as an NPZ; or image files whose classes are to be predicted.

Folders are read as torchvision's `ImageFolder` and Keras's `image_dataset_from_directory` read them. Above the classes
there may be a folder for each part of the split: `train/cat/1.jpg`, `test/dog/2.jpg`.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from spec.splits import SPLIT_WORDS

from . import limits
from .errors import RefusedError, first_words, shown, some
from .table import Block, npy
from .unpacking import BROKEN, IMAGES, files_of, refuse_encrypted

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
KEPT_SIDE = 64
"""Images of one size stay as they are up to so many pixels a side; others are scaled to a square of this side."""
FILE_BYTES = 64 << 20
SHALLOW = 1 << 14
"""Images of 16 bits that end below it have fewer than 64 levels in their upper 8 bits."""
PIXELS = 100_000_000
"""Of an image file: four bytes each while it is read."""
DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
"""Modes of grey with more than 8 bits."""
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""What an image is read as, by the channels that are wanted."""
GREY = frozenset({"1", "L", "LA", "La"}) | DEEP
MASKED = frozenset({"image", "images", "img", "imgs", "jpegimages", "original", "originals", "input", "inputs"})
MASKS = frozenset({"mask", "masks", "annotation", "annotations", "groundtruth", "gt", "segmentation", "segmentations"})
"""How the two folders of a segmentation are called, by the letters of their names."""
_PARTS = ("train", "val", "test")
_NUMBER = re.compile(r"[\W_]*\d+\W*$")
"""The number of an image, at the end of its name."""
BAD = (*BROKEN, UnidentifiedImageError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)
"""What a broken image raises."""
Size = tuple[int, int]
"""(height, width)."""


@dataclass(frozen=True)
class _File:
    """An image file of an archive: its member, and what its folders say."""

    member: zipfile.ZipInfo
    label: str
    part: int | None


@dataclass(frozen=True)
class _Form:
    """What all images are made to be."""

    channels: int
    size: Size


def write(file: Path, side: int | None, out: IO[bytes]) -> list[str]:
    """Write the images and the names of their classes as an NPZ; notes. Raises `RefusedError`."""
    with _opened(file) as archive:
        found, notes = _labelled(archive)
        form, more = _form(archive, found, side)
        limits.check_size(len(found), form.channels * form.size[0] * form.size[1])
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
            for part, group in groupby(found, key=lambda one: one.part):
                files = list(group)
                suffix = "" if part is None else f"_{_PARTS[part]}"
                _write_images(made, f"X{suffix}", archive, files, form)
                made.writestr(f"y{suffix}.npy", npy(np.array([one.label for one in files])))
    return [*notes, *more]


def read(file: Path, name: str, image: tuple[int, int, int], ends: tuple[float, float]) -> tuple[list[str], Block]:
    """Names and numbers of image files, a zip of them or one alone, as a model of (channels, height, width) takes them.

    In the order of their names; [images, numbers]. `ends` are the numbers that stand for black and white in the images
    that it was trained on. Raises `RefusedError`.
    """
    form, (black, white) = _Form(image[0], (image[1], image[2])), ends
    if not zipfile.is_zipfile(file):
        with file.open("rb") as stream:
            names, rows = [name], [_pixels(stream, "", form).reshape(-1)]
    else:
        with _opened(file) as archive:
            members = [one for one in _members(archive) if _is_image(one.filename)]
            limits.check_size(len(members), form.channels * form.size[0] * form.size[1])
            names, rows = (
                [one.filename for one in members],
                [_of_member(archive, one, form).reshape(-1) for one in members],
            )
    return names, black + np.array(rows, dtype=np.float64) * ((white - black) / 255)


# --- which files ------------------------------------------------------------------------------------------------------


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGES)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            for one in archive.infolist():
                if "/" not in one.filename:  # Windows PowerShell 5.1 writes backslashes; else it is half of a letter
                    one.filename = one.filename.replace("\\", "/")
            yield archive
    except BROKEN as error:
        raise RefusedError(f"is a zip archive that is broken or cut short ({error})") from error


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files, `2.png` before `10.png`. Raises `RefusedError` where they are not to be unpacked."""
    wanted = set(files_of(archive.namelist()))
    members = [one for one in archive.infolist() if one.filename in wanted]
    for one in members:
        refuse_encrypted(one)
        if one.file_size > FILE_BYTES:
            raise RefusedError(
                f"holds {shown(one.filename)} of {one.file_size:,} bytes; an image may have {FILE_BYTES:,}"
            )
    if (total := sum(one.file_size for one in members)) > limits.UNPACKED_BYTES:
        raise RefusedError(f"unpacks to {total:,} bytes; at most {limits.UNPACKED_BYTES:,} are read")
    return sorted(members, key=lambda one: [*map(_place, re.findall(r"\d+|\D+", one.filename))])


def _place(piece: str) -> tuple[bool, int, str]:
    """The place of a piece of a name among others: numbers by their size."""
    return (True, int(piece), "") if piece.isdecimal() else (False, 0, piece)


def _labelled(archive: zipfile.ZipFile) -> tuple[list[_File], list[str]]:
    """The images with their classes, training first; and notes of what is not read. Raises `RefusedError`."""
    members = _members(archive)
    images = [one for one in members if _is_image(one.filename)]
    folders = [one.filename.split("/")[:-1] for one in images]
    shared = _shared(folders)
    inner = [[name for name, _ in groupby(folder[shared:])] for folder in folders]  # Kaggle has seg_train/seg_train
    parts = [_part(folder) for folder in inner]
    above = [part for folder, part in zip(inner, parts, strict=True) if len(folder) > 1]
    is_split = None not in (above or parts)
    parts = parts if is_split else [None] * len(parts)
    labels: list[str | None] = [next(iter(folder[is_split:]), None) for folder in inner]
    notes = []
    letters = {re.sub(r"[\W_\d]", "", one.lower()): one for one in labels if one is not None}
    if letters.keys() & MASKED and (mask := next((one for word, one in letters.items() if word in MASKS), None)):
        raise RefusedError(
            f"has images and, in the folder {shown(mask)}, their masks: those of a segmentation are no class, and are "
            "not trained. Send a folder of images for each class"
        )
    if len({*labels} - {None}) < 2:
        labels = _by_name([one.filename for one in images], labels)
        notes.append(f"The classes are how the names of files begin, such as {shown(next(filter(None, labels)))}.")
    found = [
        _File(one, label, part) for one, label, part in zip(images, labels, parts, strict=True) if label is not None
    ]
    if is_split and not any(one.part == 0 for one in found):
        raise RefusedError("has no images of training in folders of classes: train/cat/1.png is one")
    if without := [one.filename for one, label in zip(images, labels, strict=True) if label is None]:
        notes.append(f"{_counted(without, 'image')} in no folder of a class, and not read: {some(without, 3)}.")
    if others := [one.filename for one in members if not _is_image(one.filename)]:
        notes.append(f"{_counted(others, 'file')} no image, and not read: {some(others, 3)}.")
    below = dict.fromkeys("/".join(folder[: is_split + 2]) for folder in inner if len(folder) > is_split + 1)
    if below:
        notes.append(f"Folders within those of the classes are not told apart: {some(below, 3)}.")
    return sorted(found, key=lambda one: one.part or 0), notes


def _part(folder: Sequence[str]) -> int | None:
    """The part of the split that a folder around classes names: train, Testing, seg_test, training_set; or None."""
    words = re.findall("[a-z]+", folder[0].lower()) if folder else []
    if len(folder) == 1 and len(words) > 1:  # of a folder of images it is a class
        return None
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def _by_name(names: Sequence[str], folders: Sequence[str | None]) -> list[str | None]:
    """The classes by how names begin, `cat` of `cat.0.jpg`, where two images or more share each; `1.jpg` has none.

    Raises `RefusedError` where they are no classes, with what the folders have.
    """
    labels = [_NUMBER.sub("", Path(name).stem) or None for name in names]
    counts = Counter(label for label in labels if label is not None)
    if len(counts) > 1 and min(counts.values()) > 1:
        return labels
    folder = next(filter(None, folders), None)
    what = "is a zip of images without folders" if folder is None else f"has images in one folder only, {shown(folder)}"
    raise RefusedError(
        f"{what}: put those of each class into a folder with the name of the class; a list of classes beside them is "
        "not read"
    )


def _counted(names: Sequence[str], what: str) -> str:
    return f"1 {what} is" if len(names) == 1 else f"{len(names):,} {what}s are"


def _shared(folders: Sequence[Sequence[str]]) -> int:
    """How many folders lie around all images, and say nothing: as long as most images are in folders below."""
    depth = 0
    while len({folder[depth] if len(folder) > depth else "" for folder in folders}) == 1:
        if sum(len(folder) > depth + 1 for folder in folders) <= len(folders) / 2:
            return depth
        depth += 1
    return depth


# --- pixels -----------------------------------------------------------------------------------------------------------


def _form(archive: zipfile.ZipFile, files: Sequence[_File], side: int | None) -> tuple[_Form, list[str]]:
    """Size and channels of all images, by the heads of the files; and a note where they are changed."""
    sizes, modes, deepest = Counter[Size](), set[str](), 0
    for one in files:
        with _image(archive, one.member) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF: on its side
            sizes[(image.width, image.height) if turned else (image.height, image.width)] += 1
            modes.add("color" if image.mode == "P" else image.mode)
            if image.mode in DEEP:
                deepest = max(deepest, _checked_depth(image, one.member.filename))
    channels = 1 if modes <= GREY else 3
    said = _of_depth(deepest)
    height, width = sizes.most_common(1)[0][0]
    if side is None and len(sizes) == 1 and max(height, width) <= KEPT_SIDE:
        return _Form(channels, (height, width)), said
    wanted = (side or KEPT_SIDE, side or KEPT_SIDE)
    if list(sizes) == [wanted]:
        return _Form(channels, wanted), said
    were = f"{height} x {width} pixels" if len(sizes) == 1 else f"{len(sizes):,} sizes"
    cure = "; image_size says another size" if side is None else ""
    said.append(f"The images have {were}, and are scaled to {wanted[0]} x {wanted[1]} pixels{cure}.")
    return _Form(channels, wanted), said


def _of_depth(most: int) -> list[str]:
    """What to say of images of 16 bits that end at this number. Raises `RefusedError` where they would be black."""
    if 0 < most < 256:
        raise RefusedError(
            f"has images of 16 bits that end at {most} of 65,535, and are black in their upper 8 bits, which are read: "
            "save them as 8 bits"
        )
    if not 0 < most < SHALLOW:
        return []
    return [
        f"Images of 16 bits end at {most:,} of 65,535, and their upper 8 bits are read: {(most >> 8) + 1} levels of "
        "grey. Save them so that white is 65,535, or as 8 bits, to have 256."
    ]


def _checked_depth(image: Image.Image, name: str) -> int:
    """The largest number of an image of more than 8 bits. Raises `RefusedError` where its upper 8 bits say nothing."""
    if image.mode == "F":
        raise _too_flat(name, "are fractions (32-bit floats)")
    most = int(np.asarray(image).max(initial=0))
    if most > 65_535:
        raise _too_flat(name, f"go up to {most:,}, beyond 16 bits")
    return most


def _too_flat(name: str, are: str) -> RefusedError:
    what = f"holds {shown(name)}, whose" if name else "is an image whose"
    return RefusedError(
        f"{what} pixels {are}: save the images as 8 or 16 bits of grey, as "
        "Image.fromarray((255 * (pixels - low) / (high - low)).astype('uint8')) does with one low and high for all"
    )


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, form: _Form) -> Block:
    with archive.open(member) as stream:
        return _pixels(stream, member.filename, form)


@contextmanager
def _image(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Image.Image]:
    """An image whose head is read, and not its pixels yet. Raises `RefusedError`."""
    with archive.open(member) as stream, _checked(stream, member.filename) as image:
        yield image


@contextmanager
def _checked(stream: IO[bytes], name: str) -> Iterator[Image.Image]:
    of = f"holds {shown(name)}, which is" if name else "is"
    try:
        with Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > PIXELS:
                raise RefusedError(
                    f"{of} an image of {image.width} x {image.height} pixels; at most {PIXELS:,} are read"
                )
            yield image
    except UnidentifiedImageError as error:  # which names an object of Python
        cure = "it is empty, or of another form: leave it out, or save it as PNG"
        raise RefusedError(f"{of} no image that can be read: {cure}") from error
    except BAD as error:
        raise RefusedError(f"{of} no image that can be read, or broken ({first_words(error)})") from error


def _pixels(stream: IO[bytes], name: str, form: _Form) -> Block:
    """The pixels of an image, 0 to 255, [channels, height, width]. What is transparent is on white, without a channel.

    Scaled as `keras.utils.load_img` does with `interpolation="bilinear"` and as a browser does: sides of their own.
    """
    height, width = form.size
    with _checked(stream, name) as image:
        image.draft("L" if form.channels == 1 else "RGB", (2 * width, 2 * height))  # of a JPEG fewer pixels are decoded
        upright = ImageOps.exif_transpose(image)
        own = form.channels == 4 and upright.has_transparency_data
        plain = (upright if own else _on_white(upright)).convert(MODES[form.channels])
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain)
    return pixels[None] if form.channels == 1 else np.moveaxis(pixels, -1, 0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise _too_flat("", "are fractions (32-bit floats)")
    if image.mode in DEEP:  # 16 bits of grey
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    own = image.convert("RGBA")
    white = Image.new("RGBA", own.size, "white")
    white.alpha_composite(own)
    return white


# --- the NPZ ----------------------------------------------------------------------------------------------------------


def _write_images(
    made: zipfile.ZipFile, name: str, archive: zipfile.ZipFile, files: Sequence[_File], form: _Form
) -> None:
    shape = (len(files), form.channels, *form.size)
    with made.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
        head: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, head)
        for one in files:
            stream.write(np.ascontiguousarray(_of_member(archive, one.member, form)).data)
