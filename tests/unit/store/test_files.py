import os
import time
from pathlib import Path

import pytest

from store.files import LEFT_AFTER_S, Files, part, without_part


def test_a_file_is_read_by_its_path_and_by_its_address(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    files.put("jobs/1/a1/model", b"weights")
    assert files.get("jobs/1/a1/model") == b"weights"
    assert files.get(files.uri("jobs/1/a1/model")) == b"weights"


def test_a_file_that_is_stored_again_is_replaced_and_leaves_no_other_file(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    for content in (b"one", b"two"):
        files.put("a/b", content)
    assert files.get("a/b") == b"two"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Files(tmp_path.as_uri()).get("nothing")


def test_an_object_store_behaves_like_a_folder() -> None:
    files = Files("memory://store")
    files.put("a/b", b"one")
    assert files.get("a/b") == b"one"
    assert files.get(files.uri("a/b")) == b"one"


def test_a_file_is_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    Files(tmp_path.as_uri()).put("a/b", b"one")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("store", ["folder", "memory://deleting"])
def test_deleting_a_file_twice_is_no_error(tmp_path: Path, store: str) -> None:
    files = Files(tmp_path.as_uri() if store == "folder" else store)
    for name in ("one", "two", "three"):
        files.put(f"a/b/{name}", b"content")
    files.delete_file("a/b/one")
    files.delete_file(files.uri("a/b/two"))
    files.delete_file("a/b/two")
    with pytest.raises(FileNotFoundError):
        files.get("a/b/two")
    assert files.get("a/b/three") == b"content"


def test_a_folder_is_deleted_with_its_last_file(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    files.put("a/b/one", b"content")
    files.delete_file(files.uri("a/b/one"))
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_file_that_was_made_locally_is_adopted(tmp_path: Path, kind: str) -> None:
    files = Files(f"{kind}://{tmp_path}/store")
    made = files.staging_folder() / "made"
    made.write_bytes(b"one")
    files.adopt("a/b", made)
    assert files.get("a/b") == b"one"
    assert not made.exists()


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_stored_file_is_fetched_as_a_local_file(tmp_path: Path, kind: str) -> None:
    files = Files(f"{kind}://{tmp_path}/store")
    files.put("a/b", b"one")
    for place in ("a/b", files.uri("a/b")):
        assert files.fetch(place, tmp_path / "copy").read_bytes() == b"one"
    assert (tmp_path / "copy").exists() == (kind == "memory")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_stored_file_is_read_in_parts(tmp_path: Path, kind: str) -> None:
    files = Files(f"{kind}://{tmp_path}/store")
    files.put("a/b", b"one")
    with files.open("a/b") as opened:
        assert [opened.read(2), opened.read(2), opened.read(2)] == [b"on", b"e", b""]
    with pytest.raises(FileNotFoundError):
        files.open("a/c")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_deleting_a_folder_with_its_files_twice_is_no_error(tmp_path: Path, kind: str) -> None:
    files = Files(f"{kind}://{tmp_path}/store")
    for place in ("a/b", "a/c", "d"):
        files.put(place, b"one")
    for _ in range(2):
        files.delete_folder("a")
    assert files.get("d") == b"one"
    for place in ("a/b", "a/c"):
        with pytest.raises(FileNotFoundError):
            files.get(place)


def test_an_unfinished_file_is_deleted_after_an_hour(tmp_path: Path) -> None:
    making = Files(tmp_path.as_uri()).staging_folder()
    for name, age_s in (("old", LEFT_AFTER_S + 60), ("young", LEFT_AFTER_S - 60)):
        (making / name).touch()
        os.utime(making / name, (time.time() - age_s,) * 2)
    Files(tmp_path.as_uri()).staging_folder()
    assert [path.name for path in making.iterdir()] == ["young"]


def test_a_part_of_a_file_is_read_like_a_file(tmp_path: Path) -> None:
    files = Files((tmp_path / "store").as_uri())
    files.put("pack", b"firstsecond")
    address = part(files.uri("pack"), 5, 6)
    assert files.get(address) == b"second"
    assert files.fetch(address, tmp_path / "copy").read_bytes() == b"second"
    assert without_part(address) == (files.uri("pack"), 5)
    assert without_part(files.uri("pack")) == (files.uri("pack"), None)
