"""Zips of image files in folders of classes."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ingest import images
from ingest.errors import RefusedError
from ingest.known import read_known_images
from model.preprocessing import Preprocessing
from spec.dataset import Shipped
from spec.known import KnownColumns
from spec.schema import Schema
from trainer.rows import load

from .reading import reading, refusal, table

RANDOM = np.random.default_rng(0)
Pixels = npt.NDArray[Any]


def drawn(height: int = 4, width: int = 5, channels: int = 3) -> Pixels:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return RANDOM.integers(0, 256, size=shape).astype(np.uint8)


def file_of(pixels: Pixels | Image.Image, form: str = "PNG", **how: Any) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(buffer, form, **how)
    return buffer.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def shown(folder: Path) -> Pixels:
    """The images of the last table, [images, height, width, channels]."""
    numbers, _, schema = table(folder)
    assert schema.image is not None
    return np.moveaxis(numbers.reshape(-1, *schema.image), 1, -1)


def test_images_as_windows_saves_them_are_read(tmp_path: Path) -> None:
    files = {f"{one}/{place}.jfif": file_of(drawn(), "JPEG") for one in "ab" for place in (1, 2)}
    assert reading(packed(files), tmp_path, name="f.zip", target=None).rows == 4


def test_folders_are_classes_and_what_is_no_image_is_said(tmp_path: Path) -> None:
    pixels = [drawn() for _ in range(6)]
    names = [
        "pets/dog/10.png",
        "pets/cat/a.PNG",
        "pets/dog/2.png",
        "pets/dog/deep/1.png",
        "pets/cat/b.png",
        "pets/x.png",
    ]
    files = {name: file_of(one) for name, one in zip(names, pixels, strict=True)}
    litter = {
        "__MACOSX/pets/dog/._2.png": b"-",
        "pets/__MACOSX/pets/dog/2.png": b"-",
        "pets/cat/._a.png": b"-",
        "pets/.ipynb_checkpoints/a-checkpoint.png": b"-",
        **dict.fromkeys(("pets/.DS_Store", "pets/dog/desktop.ini"), b"-"),
        "pets/READ.ME": b"-",
    }
    found = reading(packed(files | litter), tmp_path, name="pets.zip", target=None)
    assert (found.rows, found.profile.format, found.table.image) == (5, "images", (3, 4, 5))
    assert found.table.target.labels == ("cat", "dog")
    assert table(tmp_path)[1].tolist() == [0, 0, 1, 1, 1]
    assert np.array_equal(shown(tmp_path), [pixels[place] for place in (1, 4, 2, 0, 3)])
    assert found.profile.notes[:2] == [
        "1 image is in no folder of a class, and not read: 'pets/x.png'.",
        "1 file is no image, and not read: 'pets/READ.ME'.",
    ]


@pytest.mark.parametrize("folder", ["", "train/", "images/"])
def test_classes_are_in_names_too(tmp_path: Path, folder: str) -> None:
    names = ["cat.0.jpg", "cat.10.jpg", "dog (1).jpg", "dog (2).jpg"]
    content = packed({folder + name: file_of(drawn(), "JPEG") for name in names})
    found = reading(content, tmp_path, name="f.zip", target=None)
    assert found.table.target.labels == ("cat", "dog")
    assert table(tmp_path)[1].tolist() == [0, 0, 1, 1]
    assert found.profile.notes[0] == "The classes are how the names of files begin, such as 'cat'."


def test_images_that_are_only_numbered_are_of_no_class(tmp_path: Path) -> None:
    """As those of the test set in the zip of Kaggle's dogs and cats."""
    names = [f"train/{animal}.{place}.jpg" for animal in ("cat", "dog") for place in range(2)]
    content = packed({name: file_of(drawn(), "JPEG") for name in [*names, "test1/1.jpg", "test1/2.jpg"]})
    found = reading(content, tmp_path, name="f.zip", target=None)
    assert (found.rows, found.table.target.labels) == (4, ("cat", "dog"))
    assert found.profile.notes[:2] == [
        "The classes are how the names of files begin, such as 'cat'.",
        "2 images are in no folder of a class, and not read: 'test1/1.jpg', 'test1/2.jpg'.",
    ]


def test_folders_between_backslashes_are_folders(tmp_path: Path) -> None:
    names = [r"p\train\cat\1.png", r"p\train\dog\1.png", r"p\test\cat\1.png"]
    found = reading(packed({name: file_of(drawn()) for name in names}), tmp_path, name="f.zip", target=None)
    assert found.table.target.labels == ("cat", "dog")
    assert found.table.info(3).split_rows == (2, 0, 1)


def test_folders_around_the_classes_are_the_split(tmp_path: Path) -> None:
    parts = {"test": 1, "train": 3, "Validation": 2}
    files = {
        f"set/{part}/{label}/{place}.bmp": file_of(drawn(channels=1), "BMP")
        for part, count in parts.items()
        for label in ("no", "yes")
        for place in range(count)
    }
    found = reading(packed(files), tmp_path, name="f.zip", target="y")
    assert found.table.info(12).split_rows == (6, 4, 2)
    assert found.table.image == (1, 4, 5)
    with np.load(tmp_path / "table.npz") as arrays:
        assert arrays["split"].tolist() == [0] * 6 + [1] * 4 + [2] * 2


@pytest.mark.parametrize(("sizes", "side", "became"), [((4, 7), None, 64), ((4, 4), 16, 16), ((70, 70), None, 64)])
def test_images_of_several_sizes_or_large_ones_are_scaled(
    tmp_path: Path, sizes: tuple[int, int], side: int | None, became: int
) -> None:
    files = {f"{place}/1.png": file_of(np.full((size, 5, 3), 40 + place, np.uint8)) for place, size in enumerate(sizes)}
    found = reading(packed(files), tmp_path, name="f.zip", target=None, image_size=side)
    assert found.table.image == (3, became, became)
    assert np.array_equal(shown(tmp_path)[:, 3, 3, 0], [40, 41])
    cure = "; image_size says another size" if side is None else ""
    assert found.profile.notes[0].endswith(f", and are scaled to {became} x {became} pixels{cure}.")


def test_images_are_seen_as_people_see_them(tmp_path: Path) -> None:
    """Upright, on white, and in eight bits."""
    on_its_side = Image.Exif()
    on_its_side[0x0112] = 6
    wide, clear = drawn(5, 4), np.dstack([drawn(), np.zeros((4, 5), np.uint8)])
    deep = Image.fromarray(np.full((4, 5), 0xAB12, np.uint16))
    files = {
        "a/1.png": file_of(wide, exif=on_its_side),
        "a/2.png": file_of(clear),
        "b/1.png": file_of(deep),
        "b/2.gif": file_of(Image.fromarray(np.full((4, 5), 9, np.uint8)).convert("P"), "GIF"),
    }
    assert reading(packed(files), tmp_path, name="f.zip", target=None).table.image == (3, 4, 5)
    upright, white, grey, coloured = shown(tmp_path)
    assert np.array_equal(upright, np.rot90(wide, -1))
    assert (white == 255).all()
    assert (grey == 0xAB).all()
    assert (coloured == 9).all()


GOOD = {"a/1.png": file_of(drawn()), "b/1.png": file_of(drawn())}
BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "no folders": ({"1.png": GOOD["a/1.png"], "2.png": GOOD["a/1.png"]}, "is a zip of images without folders: put"),
    "one folder": (
        dict.fromkeys(("in/1.png", "in/2.png"), GOOD["a/1.png"]) | {"labels.csv": b"1"},
        "has images in one folder only, 'in': put those",
    ),
    "no training": (
        {f"test/{name}": image for name, image in GOOD.items()} | {"val/a/1.png": GOOD["a/1.png"]},
        "has no images of training in folders of classes",
    ),
    "a text": (GOOD | {"b/2.png": b"hello"}, "holds 'b/2.png', which is no image that can be read: it is empty, or of"),
    "of telephones": (
        {f"{one}/{place}.HEIC": b"..." for one in "ab" for place in (1, 2)},
        "holds images that are not read, 'a/1.HEIC', 'a/2.HEIC', 'b/1.HEIC', 'b/2.HEIC': save them as PNG or JPEG",
    ),
    "cut short": (GOOD | {"b/2.png": GOOD["a/1.png"][:-30]}, "holds 'b/2.png', which is no image that can be read, or"),
    "too many pixels": (GOOD | {"b/2.png": file_of(drawn(40, 40, 1))}, "an image of 40 x 40 pixels; at most 1,000"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_named(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "PIXELS", 1000)
    files, says = BAD[case]
    assert says in refusal(packed(files), tmp_path, name="f.zip", target=None)


def test_options_are_said_of_files_that_have_them(tmp_path: Path) -> None:
    assert "image_size is said of a file that is no zip of images" in refusal("a,y\n1,2\n", tmp_path, image_size=8)
    assert "target of images is the name of their folder" in refusal(packed(GOOD), tmp_path, name="f.zip", target="a")
    assert "decimal is for files with columns" in refusal(
        packed(GOOD), tmp_path, name="f.zip", target=None, decimal=","
    )


@pytest.mark.parametrize(("least", "most"), [(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)])
def test_image_files_are_predicted_in_the_numbers_of_the_training_rows(
    tmp_path: Path, least: float, most: float
) -> None:
    pixels = [drawn(), drawn()]
    known = KnownColumns(columns=(), target=("y",), image=(3, 4, 5), least=least, most=most)
    contents = packed({"10.png": file_of(pixels[1]), "2.png": file_of(pixels[0])}), file_of(pixels[0])
    for content, names in zip(contents, (["2.png", "10.png"], ["f.zip"]), strict=True):
        (tmp_path / "f").write_bytes(content)
        found = read_known_images(tmp_path / "f", "f.zip", known, tmp_path / "out", with_cells=True)
        assert (found.rows, found.cells) == (len(names), [[name] for name in names])
        expected = [np.moveaxis(one, -1, 0).reshape(-1) for one in pixels[: len(names)]]
        assert np.load(tmp_path / "out") == pytest.approx(least + np.array(expected) * ((most - least) / 255.0))
    with pytest.raises(RefusedError, match="is one of images, and the model takes other rows"):
        read_known_images(tmp_path / "f", "f", KnownColumns(columns=(), target=()), tmp_path / "out", with_cells=False)


def test_an_image_has_the_channels_that_the_model_takes_or_is_refused(tmp_path: Path) -> None:
    content, out = drawn(channels=4), tmp_path / "out"
    (tmp_path / "f").write_bytes(file_of(content))
    known = KnownColumns(columns=(), target=("y",), image=(4, 4, 5))
    read_known_images(tmp_path / "f", "f.png", known, out, with_cells=False)
    assert np.array_equal(np.load(out)[0], np.moveaxis(content, -1, 0).reshape(-1))
    for form in (Image.fromarray(drawn()), Image.fromarray(drawn(channels=1).astype(np.uint16) << 8)):
        (tmp_path / "f").write_bytes(file_of(form))
        assert read_known_images(tmp_path / "f", "f.png", known, out, with_cells=False).rows == 1
        assert np.load(out).reshape(4, -1)[3].tolist() == [255.0] * 20, "it is not transparent"
    two = known.model_copy(update={"image": (2, 4, 5)})
    with pytest.raises(RefusedError, match="is one of images, and the model takes 2 channels: send an NPZ file with X"):
        read_known_images(tmp_path / "f", "f.png", two, out, with_cells=False)


def test_a_picture_of_a_row_of_digits_is_that_row(tmp_path: Path) -> None:
    digits = load(Shipped(name="digits"))
    assert digits.target is not None
    schema = Schema(columns=digits.columns, target=digits.target, image=(1, 8, 8))
    prepared = Preprocessing.fit(schema, digits.x, digits.y, standardize=True)
    row = digits.x[0].astype(np.float64)
    (tmp_path / "f").write_bytes(file_of(np.rint(row.reshape(8, 8) * 255 / 16).astype(np.uint8)))
    read_known_images(tmp_path / "f", "f.png", prepared.known, tmp_path / "out", with_cells=False)
    assert np.load(tmp_path / "out")[0] == pytest.approx(row, abs=0.5 / 15)


@pytest.mark.parametrize(
    ("names", "classes", "parts"),
    [
        (
            [
                "d/training_set/cats/0.png",
                "d/training_set/dogs/1.png",
                "d/test_set/cats/0.png",
                "d/test_set/dogs/1.png",
            ],
            ["cats", "dogs"],
            True,
        ),
        (
            ["seg_train/seg_train/sea/0.png", "seg_train/seg_train/ice/1.png", "seg_test/seg_test/sea/0.png"],
            ["ice", "sea"],
            True,
        ),
        (["Training/a/0.png", "Test/b/0.png", "Test/a/0.png", "Training/b/1.png", "0.png"], ["a", "b"], True),
        (["test_cats/0.png", "train_dogs/0.png"], ["test_cats", "train_dogs"], False),
        (["COVID/images/0.png", "COVID/masks/0.png", "normal/images/0.png"], ["COVID", "normal"], False),
    ],
)
def test_folders_of_a_split_around_the_classes_are_no_classes(
    tmp_path: Path, names: list[str], classes: list[str], parts: bool
) -> None:
    found = reading(packed({name: file_of(drawn()) for name in names}), tmp_path, name="x.zip", target=None)
    assert found.table.target.labels == tuple(classes)
    assert any("are not told apart" in note for note in found.profile.notes) == ("masks" in "".join(names))
    with np.load(tmp_path / "table.npz") as arrays:
        assert ("split" in arrays) == parts


def of_depth(most: int, kind: type[np.generic] = np.uint16, form: str = "PNG", folders: str = "cat dog") -> bytes:
    """A zip of grey images below `most` in two folders."""
    numbers = (RANDOM.random((2, 8, 8)) * most).astype(kind)
    return packed({f"{name}/1.png": file_of(one, form) for name, one in zip(folders.split(), numbers, strict=True)})


def test_images_whose_upper_bits_say_little(tmp_path: Path) -> None:
    how: dict[str, Any] = {"name": "f.zip", "target": None}
    assert "'cat/1.png', whose pixels are fractions" in refusal(of_depth(1, np.float32, "TIFF"), tmp_path, **how)
    assert "beyond 16 bits: save the images" in refusal(of_depth(1_000_000, np.int32, "TIFF"), tmp_path, **how)
    assert "are black in their upper 8 bits" in refusal(of_depth(256), tmp_path, **how)
    assert any("16 levels of grey" in note for note in reading(of_depth(4096), tmp_path, **how).profile.notes)
    assert not any("16 bits" in note for note in reading(of_depth(65_536), tmp_path, **how).profile.notes)
    assert table(tmp_path)[0].max() > 200


def test_masks_are_no_class(tmp_path: Path) -> None:
    pairs = of_depth(256, np.uint8, folders="images masks")
    assert "in the folder 'masks', their masks" in refusal(pairs, tmp_path, name="f.zip", target=None)
    faces = of_depth(256, np.uint8, folders="mask no_mask")
    assert reading(faces, tmp_path, name="f.zip", target=None).rows == 2
