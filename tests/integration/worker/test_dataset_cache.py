"""Tables of uploaded data sets, as files on this machine."""

import hashlib
import os
from pathlib import Path

import pytest

from spec.dataset import Shipped, Uploaded
from store.datasets import table_path
from store.files import Files, files_at
from worker.dataset_cache import KEPT, DatasetCache
from worker.errors import NotNowError, TableError


def stored(files: Files, content: bytes, number: int = 0) -> Uploaded:
    dataset = Uploaded(id=f"ds_{number:032x}", sha256=hashlib.sha256(content).hexdigest())
    files.put(table_path(dataset.id), content)
    return dataset


def test_a_data_set_that_was_not_uploaded_has_no_table(tmp_path: Path) -> None:
    assert DatasetCache(files_at(tmp_path.as_uri())).path(Shipped(name="iris")) is None


def test_in_a_folder_the_table_is_read_where_it_lies(tmp_path: Path) -> None:
    files = files_at((tmp_path / "files").as_uri())
    dataset = stored(files, b"numbers")
    assert DatasetCache(files, tmp_path / "copies").path(dataset) == tmp_path / "files" / table_path(dataset.id)
    assert list((tmp_path / "copies").iterdir()) == []


def test_from_an_object_store_it_is_copied_once(tmp_path: Path, bucket: str) -> None:
    files = files_at(bucket)
    dataset = stored(files, b"numbers")
    tables = DatasetCache(files, tmp_path / "copies")
    copy = tables.path(dataset)
    assert copy is not None
    assert copy.read_bytes() == b"numbers"
    files.delete_folder("datasets")
    assert tables.path(dataset) == copy
    assert list((tmp_path / "copies").iterdir()) == [copy]


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_deleted_data_set_is_an_error(tmp_path: Path, bucket: str, place: str) -> None:
    tables = DatasetCache(files_at(tmp_path.as_uri() if place == "folder" else bucket), tmp_path / "copies")
    with pytest.raises(TableError, match="was deleted: upload it again"):
        tables.path(Uploaded(id=f"ds_{'0' * 32}", sha256="0" * 64))


def test_while_the_bucket_is_away_the_job_waits(tmp_path: Path, bucket: str) -> None:
    tables = DatasetCache(files_at("s3://not-there"), tmp_path / "copies")
    with pytest.raises(NotNowError, match="The bucket not-there is not there: make it"):
        tables.path(Uploaded(id=f"ds_{'0' * 32}", sha256="0" * 64))


def test_a_data_set_with_other_content_is_an_error(tmp_path: Path, bucket: str) -> None:
    files = files_at(bucket)
    dataset = stored(files, b"numbers")
    stored(files, b"other numbers")
    with pytest.raises(TableError, match="not the one the job was submitted on"):
        DatasetCache(files, tmp_path / "copies").path(dataset)
    assert list((tmp_path / "copies").iterdir()) == []


def test_the_copies_used_last_are_kept(tmp_path: Path, bucket: str) -> None:
    files = files_at(bucket)
    tables = DatasetCache(files, tmp_path / "copies")
    first = tables.path(stored(files, b"0"))
    for number in range(1, KEPT + 3):
        copy = tables.path(stored(files, b"%d" % number, number))
        assert copy is not None
        os.utime(copy, (number, number))
        tables.path(stored(files, b"0"))
    assert first is not None
    assert first.exists()
    assert len(list((tmp_path / "copies").iterdir())) == KEPT
