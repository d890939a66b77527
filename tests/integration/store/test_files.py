"""What every file store does, on a folder and on a server that speaks S3; and what is special to each."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import httpx
import pytest

from store.files import BadFilesUrlError, Files, FilesUnavailableError, files_at, may_pass, part, without_part
from store.files.protocol import LEFT_AFTER_S
from store.files.s3 import MIB, S3Files
from tests.chaos.proxy import Proxy
from tests.services import OwnBucket


class Place(NamedTuple):
    files: Files
    local: bool


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    local = request.param == "folder"
    return Place(files_at((tmp_path / "a store").as_uri() if local else request.getfixturevalue("bucket")), local)


@pytest.fixture
def files(place: Place) -> Files:
    return place.files


# --- both -----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_by_its_path_and_by_its_address_and_replaced(files: Files) -> None:
    files.check()
    for content in (b"one", b"two", b""):
        files.put("jobs/1/a1/model", content)
        assert files.get("jobs/1/a1/model") == files.get(files.uri("jobs/1/a1/model")) == content
    assert files.below("jobs") == [files.uri("jobs/1/a1/model")]


def test_an_absent_file_is_not_found(files: Files, tmp_path: Path) -> None:
    for absent in ("nothing", part("nothing", 1, 2), files.uri("nothing")):
        with pytest.raises(FileNotFoundError) as told:
            files.get(absent)
        assert not may_pass(told.value)
        with pytest.raises(FileNotFoundError):
            files.fetch(absent, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert files.below("nothing") == files.older([files.uri("nothing")], 0.0) == []


def test_deleting_twice_is_no_error_and_deletes_nothing_else(files: Files) -> None:
    for name in ("a/b/one", "a/b/two", "a/c", "ab"):
        files.put(name, b"content")
    for _ in range(2):
        files.delete_file("a/b/one")
        files.delete_file(files.uri("a/b/two"))
    assert files.below("a") == [files.uri("a/c")]
    for _ in range(2):
        files.delete_folder("a")
    assert files.below("a") == []
    assert files.get("ab") == b"content"


def test_a_local_file_is_adopted_and_a_stored_one_fetched(place: Place, tmp_path: Path) -> None:
    files = place.files
    made = files.staging_folder() / "made"
    made.write_bytes(b"one")
    files.adopt("a/b", made)
    assert not made.exists()
    for at in ("a/b", files.uri("a/b")):
        assert files.fetch(at, tmp_path / "copy").read_bytes() == b"one"
    assert (tmp_path / "copy").exists() != place.local


def test_a_part_of_a_file_is_read_like_a_file(files: Files, tmp_path: Path) -> None:
    files.put("pack", b"firstsecond")
    address = part(files.uri("pack"), 5, 6)
    assert files.get(address) == files.fetch(address, tmp_path / "copy").read_bytes() == b"second"
    assert files.get(part(files.uri("pack"), 5, 0)) == b""
    assert without_part(address) == (files.uri("pack"), 5)
    assert without_part(files.uri("pack")) == (files.uri("pack"), None)


def test_old_files_are_named_by_the_clock_of_the_store(files: Files) -> None:
    files.put("a", b"one")
    uris = [files.uri("a"), files.uri("gone")]
    assert files.older(uris, 3600.0) == []
    assert files.older(uris, -2.0) == uris[:1]


def test_an_unfinished_file_is_deleted_after_an_hour(files: Files) -> None:
    making = files.staging_folder()
    for name, age_s in (("old", LEFT_AFTER_S + 60), ("young", LEFT_AFTER_S - 60)):
        (making / name).touch()
        os.utime(making / name, (time.time() - age_s,) * 2)
    files.delete_unfinished(LEFT_AFTER_S)
    assert [path.name for path in files.staging_folder().iterdir() if path.name in ("old", "young")] == ["young"]
    (making / "young").unlink()


def test_many_files_are_listed_and_deleted(files: Files) -> None:
    threads = [Thread(target=files.put, args=(f"many/{number}", b"x")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files.below("many")) == 20
    files.delete_folder("many")
    assert files.below("many") == []


# --- a folder -------------------------------------------------------------------------------------------------------


def test_a_file_is_as_readable_as_the_umask_says_and_leaves_no_other(tmp_path: Path) -> None:
    files_at(str(tmp_path)).put("a/b", b"one")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a" / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_is_deleted_with_its_last_file(tmp_path: Path) -> None:
    files = files_at(tmp_path.as_uri())
    files.put("a/b/one", b"content")
    files.delete_file(files.uri("a/b/one"))
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_a_machine_whose_clock_is_ahead_deletes_no_file_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_at(tmp_path.as_uri())
    files.put("a", b"one")
    making = files.staging_folder() / "made"
    making.touch()
    ahead = time.time() + 2 * LEFT_AFTER_S
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert files.older([files.uri("a")], LEFT_AFTER_S) == []
    files.delete_unfinished(LEFT_AFTER_S)
    assert making.exists()


def test_a_disk_that_is_full_or_fails_may_pass() -> None:
    assert may_pass(OSError(errno.ENOSPC, "full"))
    assert may_pass(OSError(errno.EROFS, "read-only"))
    assert not may_pass(OSError(errno.EFBIG, "too large"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gs://bucket", "gs:// is not known. Use file:///folder or s3://bucket/prefix"),
        ("s3:///prefix", "names no bucket"),
        ("file://srv/epochal", "A folder has three slashes"),
    ],
)
def test_a_url_that_names_no_store_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadFilesUrlError, match=said):
        files_at(url)


# --- a bucket -------------------------------------------------------------------------------------------------------


def test_a_large_file_travels_in_parts_and_is_there_whole_or_not_at_all(bucket: str, tmp_path: Path) -> None:
    files = files_at(bucket)
    content = os.urandom(MIB) * 17
    files.put("large", content)
    assert files.get("large") == content
    made = tmp_path / "made"
    made.write_bytes(content)
    files.adopt("adopted", made)
    assert files.fetch("adopted", tmp_path / "copy").read_bytes() == content
    assert files.get(part("adopted", 16 * MIB - 1, 3)) == content[16 * MIB - 1 : 16 * MIB + 2]


def test_parts_of_a_large_file_that_nobody_finished_are_deleted(bucket: str) -> None:
    files = files_at(bucket)
    assert isinstance(files, S3Files)
    at = {"Bucket": "epochal", "Key": f"{bucket.removeprefix('s3://epochal/')}/large"}
    upload = files._s3.create_multipart_upload(**at)["UploadId"]
    files._s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"half")
    assert files.below("") == []
    files.delete_unfinished(LEFT_AFTER_S)  # this server says of every upload that it began in 2010
    with pytest.raises(files._s3.exceptions.NoSuchUpload):
        files._s3.list_parts(**at, UploadId=upload)


def test_a_folder_that_is_not_mounted_here_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(BadFilesUrlError, match=r"shared is not there: is its disk mounted here\? .* cannot write to"):
        files_at((tmp_path / "shared").as_uri()).check()


def test_a_bucket_that_is_not_there_is_said_with_what_to_do(bucket: str) -> None:
    missing = files_at("s3://not-there/files")
    with pytest.raises(BadFilesUrlError, match="The bucket not-there is not there: make it, or correct EPOCHAL_FILES"):
        missing.check()
    with pytest.raises(FilesUnavailableError, match="The bucket not-there is not there") as told:
        missing.put("a", b"one")
    assert may_pass(told.value)
    with pytest.raises(FilesUnavailableError, match="not-there"):
        missing.get(part("a", 0, 1))


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])  # boto3 reads the second only
def test_the_region_is_read_by_both_of_its_names(bucket: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "eu-central-1")
    files = files_at(bucket)
    assert isinstance(files, S3Files)
    assert files._s3.meta.region_name == "eu-central-1"


def test_no_keys_and_wrong_keys_are_said_with_what_to_do(
    s3: OwnBucket, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = f"http://{s3.host}:{s3.port}/moto-api/reset-auth"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    httpx.post(server, content=b"0", trust_env=False, timeout=60.0)  # from now on it looks at keys
    try:
        with pytest.raises(BadFilesUrlError, match=r"refuses these keys for the bucket epochal .*AWS_ACCESS_KEY_ID"):
            files_at(bucket).check()
    finally:
        httpx.post(server, content=b"inf", trust_env=False, timeout=60.0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(BadFilesUrlError, match="There are no keys for S3: set AWS_ACCESS_KEY_ID"):
        files_at(bucket).check()


@pytest.fixture
def wire(s3: OwnBucket, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A wire to the server, which can be cut."""
    made = Proxy(s3.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{made.port}")
    yield made
    made.close()


def test_a_server_that_is_away_is_tried_again_and_then_said(wire: Proxy, bucket: str, tmp_path: Path) -> None:
    files = files_at(bucket)
    wire.lose_answer(b"PUT ")
    files.put("a", b"one")
    wire.lose_answer(b"GET ")
    assert files.get(part("a", 0, 2)) == b"on"
    assert wire.lost == 2
    wire.cut()
    with pytest.raises(FilesUnavailableError, match=r"does not answer .*AWS_ENDPOINT_URL_S3") as told:
        files.fetch("a", tmp_path / "copy")
    assert may_pass(told.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FilesUnavailableError):
        files.check()
    wire.heal()
    assert files.get("a") == b"one"
