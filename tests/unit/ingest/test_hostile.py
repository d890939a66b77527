"""Every hostile file is read, or refused with a sentence about it: none ends in an error that nobody foresaw."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import RefusedError
from ingest.known import read_known
from ingest.unpacking import unpacked
from spec.known import KnownColumns, KnownReading
from spec.reading import ReadingOrder
from spec.schema import Column, ColumnKind

from .hostile import corpus
from .reading import reading

FILES = list(corpus())


def test_there_are_many() -> None:
    assert len(FILES) >= 300
    assert len({name for name, _, _ in FILES}) == len(FILES)


COLUMNS = KnownColumns(
    columns=(
        Column(name="a", type=ColumnKind.number, gaps=True),
        Column(name="b", type=ColumnKind.category, categories=("w0", "w1")),
        Column(name="c", type=ColumnKind.date, gaps=True),
    ),
    target=("y",),
)
ARRAY = KnownColumns(columns=(Column(name="X", type=ColumnKind.number, size=3),), target=("y",))


def upload(content: bytes, name: str, folder: Path) -> None:
    reading(content, folder, name=name, target=None if name.endswith("npz") else "y")


def predict(content: bytes, name: str, folder: Path) -> None:
    (folder / "upload").write_bytes(content)
    known = ARRAY if name.endswith("npz") else COLUMNS
    with unpacked(folder / "upload", name, folder) as (file, inner):
        found = read_known(file, ReadingOrder(name=inner), known, folder / "numbers", with_cells=True)
    KnownReading.model_validate_json(found.model_dump_json())


@pytest.mark.parametrize("part", range(20))
@pytest.mark.parametrize("read", [upload, predict])
def test_every_hostile_file_is_read_or_refused_with_its_reason(
    tmp_path: Path, part: int, read: Callable[[bytes, str, Path], None]
) -> None:
    unforeseen = []
    for what, name, content in FILES[part::20]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read(content, name, tmp_path)
        except RefusedError as error:
            if not _is_a_reason(str(error)):
                unforeseen.append(f"{what}: {error}")
        except Exception as error:
            unforeseen.append(f"{what}: {type(error).__name__}: {error}")
    assert unforeseen == []


def _is_a_reason(said: str) -> bool:
    """Whether a refusal is one line that names what is wrong, and no log."""
    return said.isprintable() and len(said) > 5 and re.search(r"\blog\b|Traceback|0x[0-9a-f]{6}", said) is None
