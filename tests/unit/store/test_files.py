from pathlib import Path

import pytest

from store.files import Files


def test_what_is_put_is_got_by_its_path_and_by_its_address(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    files.put("jobs/1/a1/model", b"weights")
    assert files.get("jobs/1/a1/model") == b"weights"
    assert files.get(files.uri("jobs/1/a1/model")) == b"weights"


def test_putting_again_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    for content in (b"one", b"two"):
        files.put("a/b", content)
    assert files.get("a/b") == b"two"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Files(tmp_path.as_uri()).get("nothing")


def test_an_object_store_does_as_a_folder_does() -> None:
    files = Files("memory://store")
    files.put("a/b", b"one")
    assert files.get("a/b") == b"one"
    assert files.get(files.uri("a/b")) == b"one"


def test_a_file_is_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    Files(tmp_path.as_uri()).put("a/b", b"one")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("store", ["folder", "memory://deleting"])
def test_what_is_deleted_is_gone_and_deleting_again_is_nothing(tmp_path: Path, store: str) -> None:
    files = Files(tmp_path.as_uri() if store == "folder" else store)
    for name in ("one", "two", "three"):
        files.put(f"a/b/{name}", b"content")
    files.delete("a/b/one")
    files.delete(files.uri("a/b/two"))
    files.delete("a/b/two")
    with pytest.raises(FileNotFoundError):
        files.get("a/b/two")
    assert files.get("a/b/three") == b"content"


def test_a_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    files = Files(tmp_path.as_uri())
    files.put("a/b/one", b"content")
    files.delete(files.uri("a/b/one"))
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]
