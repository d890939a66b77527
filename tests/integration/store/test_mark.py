"""The mark of the file store, in the record and among the files: whoever writes, writes where it is."""

import errno
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from store import db
from store.__main__ import main
from store.errors import StoreUnavailableError
from store.files import (
    MARK,
    BadFilesUrlError,
    Files,
    FilesUnavailableError,
    MarkedFiles,
    WrongFilesError,
    files_at,
    mark_in,
    may_pass,
)
from store.files.marked import ASKED_EVERY_S, BUCKET_HOLDS_S
from store.mark import MarkStore
from store.tables import FileStore
from tests.disks import small_disk
from tests.record import migrate


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return files_at((tmp_path / "files").as_uri() if request.param == "folder" else request.getfixturevalue("bucket"))


@pytest.fixture
def folder(tmp_path: Path) -> Files:
    return files_at((tmp_path / "files").as_uri())


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- the record -------------------------------------------------------------------------------------------------------


def test_a_new_record_and_its_files_get_one_mark_which_stays(engine: Engine, files: Files) -> None:
    marks = MarkStore(engine)
    assert marks.known() is mark_in(files) is None
    assert marks.settled(files) == marks.known() == mark_in(files) == marks.settled(files) is not None


@pytest.mark.both_databases
def test_apis_that_start_together_agree(engine: Engine, folder: Files) -> None:
    with ThreadPoolExecutor(8) as apis:
        said = set(apis.map(lambda _: MarkStore(engine).settled(folder), range(8)))
    assert said == {mark_in(folder)}


def test_a_record_from_before_takes_the_mark_of_its_files(engine: Engine, folder: Files) -> None:
    folder.put(MARK, b"from a backup\n")
    assert MarkStore(engine).settled(folder) == "from a backup"


def test_a_folder_without_the_mark_gets_none_when_the_record_has_one(
    engine: Engine, folder: Files, tmp_path: Path
) -> None:
    MarkStore(engine).settled(folder)
    empty = files_at((tmp_path / "empty").as_uri())
    MarkStore(engine).settled(empty)
    assert mark_in(empty) is None


def test_files_that_cannot_be_marked_leave_the_record_without_a_mark(engine: Engine) -> None:
    with pytest.raises(OSError, match="proc"):
        MarkStore(engine).settled(files_at("file:///proc/epochal"))
    assert MarkStore(engine).known() is None


def test_moved_files_are_marked_by_a_command_and_the_old_place_is_refused_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    migrate(f"sqlite:///{tmp_path}/epochal.db")
    engine = db.connect(f"sqlite:///{tmp_path}/epochal.db")
    marks, old, new = MarkStore(engine), files_at((tmp_path / "old").as_uri()), files_at((tmp_path / "files").as_uri())
    marks.settled(old)
    new.put(MARK, old.get(MARK))  # copied with the files
    assert main(["mark"]) == 0
    MarkedFiles(new, marks.known).put("jobs/1", b"model")
    with pytest.raises(WrongFilesError):
        MarkedFiles(old, marks.known).put("jobs/1", b"model")
    engine.dispose()

    monkeypatch.setenv("EPOCHAL_FILES_URL", "file:///proc/epochal")
    assert main(["mark"]) == 1
    assert "proc" in capsys.readouterr().err


# --- the files --------------------------------------------------------------------------------------------------------


def test_nothing_is_written_to_or_deleted_from_files_without_the_mark(files: Files, tmp_path: Path) -> None:
    marked, made = MarkedFiles(files, lambda: "ours"), tmp_path / "made"
    files.put("jobs/1", b"another's")
    made.write_bytes(b"")
    changes: tuple[Callable[[], object], ...] = (
        lambda: marked.put("jobs/1", b"ours"),
        lambda: marked.adopt("jobs/1", made),
        lambda: marked.delete_file("jobs/1"),
        lambda: marked.delete_folder("jobs"),
        lambda: marked.delete_unfinished(0.0),
        marked.check,
    )
    for change in changes:
        with pytest.raises(WrongFilesError):
            change()
    assert files.get("jobs/1") == marked.get("jobs/1") == b"another's"
    assert made.exists()


def test_a_file_that_is_not_in_the_wrong_files_is_not_said_to_be_gone(files: Files, tmp_path: Path) -> None:
    marked = MarkedFiles(files, lambda: "ours")
    for error in (WrongFilesError, FileNotFoundError):
        with pytest.raises(error):
            marked.get("jobs/1")
        with pytest.raises(error):
            marked.fetch("jobs/1", tmp_path / "copy")
        files.put(MARK, b"ours")


def test_what_is_wrong_says_where_and_what_to_do(folder: Files, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(WrongFilesError) as absent:
        MarkedFiles(folder, lambda: "ours").demand()
    assert str(absent.value) == (
        f"The folder {tmp_path}/files on {socket.gethostname()} is not the file store of this service: it has no mark "
        "(the file epochal-files-id). Is it mounted there? Mount it, or correct EPOCHAL_FILES_URL."
    )
    folder.put(MARK, b"another's")
    with pytest.raises(WrongFilesError, match=r"its mark \(the file epochal-files-id\) is another one\. Is it mounted"):
        MarkedFiles(folder, lambda: "ours").demand()
    with pytest.raises(WrongFilesError, match=rf"^{bucket} is not the file store of this service: it has no mark"):
        MarkedFiles(files_at(bucket), lambda: "ours").demand()


def test_a_share_that_is_mounted_at_another_path_than_the_apis_is_refused_until_the_api_has_it_there_too(
    engine: Engine, folder: Files, tmp_path: Path
) -> None:
    marks = MarkStore(engine)
    MarkedFiles(folder, partial(marks.settled, folder)).put("jobs/1", b"one")
    (tmp_path / "files").rename(tmp_path / "mounted-here")
    elsewhere = files_at((tmp_path / "mounted-here").as_uri())
    with pytest.raises(WrongFilesError, match=rf"another address, {folder.uri('')}: it would not find"):
        MarkedFiles(elsewhere, marks.known).put("jobs/2", b"two")
    again = MarkedFiles(elsewhere, partial(MarkStore(engine).settled, elsewhere))  # the API has started with it
    again.put("jobs/2", b"two")
    MarkedFiles(elsewhere, marks.known).put("jobs/3", b"three")
    assert mark_in(elsewhere) == marks.known()


def test_a_link_to_the_folder_of_the_api_is_as_good(engine: Engine, folder: Files, tmp_path: Path) -> None:
    marks = MarkStore(engine)
    MarkedFiles(folder, partial(marks.settled, folder)).put("jobs/1", b"one")
    (tmp_path / "linked").symlink_to(tmp_path / "files")
    MarkedFiles(files_at((tmp_path / "linked").as_uri()), marks.known).put("jobs/2", b"two")
    assert folder.get("jobs/2") == b"two"


def test_the_new_address_of_moved_files_is_written_once_their_disk_takes_it(
    engine: Engine, folder: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MarkedFiles(folder, partial(MarkStore(engine).settled, folder)).put("jobs/1", b"one")
    (tmp_path / "files").rename(tmp_path / "moved")
    moved = files_at((tmp_path / "moved").as_uri())
    marks = MarkStore(engine)  # of an API that starts again

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as full:
        full.setattr(moved, "put", refuse)
        marks.settled(moved)
    MarkedFiles(moved, partial(marks.settled, moved)).put("jobs/2", b"two")


def test_a_folder_is_looked_at_before_each_write_and_goes_on_when_it_is_mounted(folder: Files, tmp_path: Path) -> None:
    folder.put(MARK, b"ours")
    marked = MarkedFiles(folder, lambda: "ours")
    marked.put("jobs/1", b"one")
    (tmp_path / "files").rename(tmp_path / "unmounted")
    (tmp_path / "files").mkdir()
    with pytest.raises(WrongFilesError):
        marked.put("jobs/2", b"two")
    assert list((tmp_path / "files").iterdir()) == []
    (tmp_path / "files").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "files")
    marked.put("jobs/2", b"two")
    assert marked.get("jobs/1") == b"one"


def test_a_bucket_is_looked_at_once_a_minute(bucket: str) -> None:
    clock, files = Clock(), files_at(bucket)
    files.put(MARK, b"ours")
    marked = MarkedFiles(files, lambda: "ours", clock)
    marked.put("jobs/1", b"one")
    files.delete_file(MARK)
    marked.put("jobs/2", b"two")
    clock.now += BUCKET_HOLDS_S
    with pytest.raises(WrongFilesError):
        marked.put("jobs/3", b"three")


def test_a_bucket_that_never_answered_takes_nothing(bucket: str) -> None:
    marked = MarkedFiles(files_at("s3://not-there/files"), lambda: "ours")
    with pytest.raises(FilesUnavailableError, match="The bucket not-there is not there"):
        marked.put("jobs/1", b"one")
    with pytest.raises(BadFilesUrlError):
        marked.check()


def test_a_mark_that_cannot_be_read_is_no_mark(folder: Files, tmp_path: Path) -> None:
    (tmp_path / "files" / MARK).mkdir(parents=True)
    with pytest.raises(FilesUnavailableError, match=r"The folder .* cannot be used: Is a directory\."):
        MarkedFiles(folder, lambda: "ours").put("jobs/1", b"one")


def test_a_record_that_was_made_anew_marks_its_files_anew(engine: Engine, folder: Files) -> None:
    marks = MarkStore(engine)
    marked = MarkedFiles(folder, partial(marks.settled, folder))
    marked.put("jobs/1", b"one")
    with db.writing(engine) as connection:
        connection.execute(delete(FileStore))
    folder.delete_file(MARK)
    marked.put("jobs/2", b"two")
    assert mark_in(folder) == marks.known() is not None


def test_without_a_mark_in_the_record_any_files_do(folder: Files) -> None:
    marked = MarkedFiles(folder, lambda: None)  # an API of the release before
    marked.check()
    marked.put("jobs/1", b"one")
    with pytest.raises(FileNotFoundError):
        marked.get("jobs/2")


def test_the_record_is_asked_now_and_then_and_when_the_mark_is_not_the_known_one(folder: Files) -> None:
    clock, asked, mark = Clock(), list[str | None](), "ours"

    def expected() -> str | None:
        asked.append(mark)
        if not mark:
            raise StoreUnavailableError
        return mark

    marked = MarkedFiles(folder, expected, clock)
    folder.put(MARK, b"ours")
    for _ in range(3):
        marked.demand()
    assert asked == ["ours"]
    folder.put(MARK, b"new")
    mark = "new"
    marked.demand()
    assert asked == ["ours", "new"]
    clock.now += ASKED_EVERY_S
    mark = ""  # the record is away
    marked.demand()
    folder.put(MARK, b"ours")
    with pytest.raises(WrongFilesError):
        marked.demand()


@pytest.mark.disk
def test_a_folder_that_is_read_only_for_a_while_is_unavailable() -> None:
    with small_disk(1) as disk:
        files = MarkedFiles(files_at((disk.path / "files").as_uri()), lambda: None)
        files.put("a", b"1")
        disk.remount("ro")
        with pytest.raises(FilesUnavailableError, match="cannot be written to: it is read-only") as told:
            files.put("b", b"2")  # a model, which is stored again
        assert may_pass(told.value)
        with pytest.raises(FilesUnavailableError):
            files.demand()  # before a worker claims
        assert files.get("a") == b"1"
        disk.remount("rw")
        files.put("b", b"2")
