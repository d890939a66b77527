"""A file store that is a bucket, on AWS or on any server that speaks S3: machines need no shared folder.

Keys, endpoint and region come from the environment or from ~/.aws, as for every program that uses S3:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3, AWS_REGION.
"""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from .addresses import split
from .errors import BadFilesUrlError, FilesUnavailableError
from .protocol import without_old_files
from .scratch import scratch_folder

MIB = 2**20
TRIES = 4
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": TRIES},
    connect_timeout=3,
    read_timeout=20,
    tcp_keepalive=True,
    max_pool_connections=32,
)
"""A server that is gone is noticed after some 20 s: a worker then gives its job back, and does not hang."""

TRANSFER = TransferConfig(
    multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4, num_download_attempts=TRIES
)
"""A larger file travels in parts, each of which is tried again alone; nobody sees it before its last part is there."""

UNFINISHED_S = 86_400.0
"""The parts of a large file that nobody has finished after so long are deleted."""

NOT_FOUND = {"404", "NoSuchKey"}
REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
DELETED_AT_ONCE = 1000
"""The most that one request may delete."""


class S3Files:
    """The bucket behind `s3://bucket/prefix`."""

    folder: Path | None = None

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        at = urlsplit(self._url)
        self._bucket, self._prefix = at.netloc, at.path.strip("/")
        if not self._bucket:
            raise BadFilesUrlError(f"EPOCHAL_FILES_URL: {url} names no bucket. Use s3://bucket or s3://bucket/prefix.")
        try:
            session = boto3.Session()
            # boto3 does not read AWS_REGION. Every server but AWS takes us-east-1 for any region.
            region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
            self._s3 = session.client("s3", region_name=region, config=CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise BadFilesUrlError(f"A setting of S3 (AWS_... or ~/.aws) is not valid: {error}") from error

    def check(self) -> None:
        """Raise `BadFilesUrlError` for a bucket that is not there or refuses, `FilesUnavailableError` for no answer."""
        try:
            self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except ClientError as error:
            if _code(error) in REFUSED | NOT_FOUND | {"NoSuchBucket"}:
                raise BadFilesUrlError(self._sentence(error)) from error
            raise FilesUnavailableError(self._sentence(error)) from error
        except BotoCoreError as error:
            without_keys = isinstance(error, NoCredentialsError | PartialCredentialsError)
            kind = BadFilesUrlError if without_keys else FilesUnavailableError
            raise kind(self._sentence(error)) from error

    def uri(self, path: str) -> str:
        """The address of `path`, for the record."""
        return f"{self._url}/{path}"

    def put(self, path: str, content: bytes) -> None:
        """Store `content` under `path`."""
        with self._answers(path):
            self._s3.upload_fileobj(io.BytesIO(content), self._bucket, self._key(path), Config=TRANSFER)

    def adopt(self, path: str, made: Path) -> None:
        """Move the local file `made` under `path`."""
        with self._answers(path):
            self._s3.upload_file(str(made), self._bucket, self._key(path), Config=TRANSFER)
        made.unlink()

    def get(self, path: str) -> bytes:
        """What is stored under `path`; of a part, its bytes only. Raises `FileNotFoundError`."""
        whole, found = split(path)
        if found is not None:
            return self._get_part(whole, *found)
        content = io.BytesIO()
        with self._answers(path):
            self._s3.download_fileobj(self._bucket, self._key(whole), content, Config=TRANSFER)
        return content.getvalue()

    def fetch(self, path: str, to: Path) -> Path:
        """A copy at `to`, which is there whole or not at all. Raises `FileNotFoundError`."""
        whole, found = split(path)
        if found is not None:
            to.write_bytes(self._get_part(whole, *found))
            return to
        with self._answers(path):
            self._s3.download_file(self._bucket, self._key(whole), str(to), Config=TRANSFER)
        return to

    def staging_folder(self) -> Path:
        """This user's folder in TMPDIR. Raises `ScratchError`."""
        staging = scratch_folder() / f"epochal-making-{os.getuid()}"
        staging.mkdir(mode=0o700, exist_ok=True)
        return without_old_files(staging)

    def delete_file(self, path: str) -> None:
        """Delete what is stored under `path`."""
        with self._answers(path):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(path))

    def delete_folder(self, folder: str) -> None:
        """Delete all that is stored below `folder`."""
        keys = list(self._keys(folder))
        for at in range(0, len(keys), DELETED_AT_ONCE):
            some = [{"Key": key} for key in keys[at : at + DELETED_AT_ONCE]]
            with self._answers(folder):
                answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})
            if failed := answer.get("Errors"):
                raise FilesUnavailableError(f"S3 did not delete {len(failed)} files, {failed[0].get('Key')} first.")

    def delete_unfinished(self, after_s: float) -> None:
        """Delete old files of the staging folder, and parts of large files that nobody has finished for a day."""
        without_old_files(self.staging_folder(), after_s)
        with self._answers(""):
            answer = self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=self._key(""))
            before = _time_of(answer) - timedelta(seconds=UNFINISHED_S)
            for upload in answer.get("Uploads", []):
                if upload["Initiated"] <= before:
                    with suppress(self._s3.exceptions.NoSuchUpload):
                        known = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                        self._s3.abort_multipart_upload(Bucket=self._bucket, **known)

    def below(self, folder: str) -> list[str]:
        """Addresses of the files below `folder`."""
        return [f"s3://{self._bucket}/{key}" for key in self._keys(folder)]

    def older(self, uris: Iterable[str], than_s: float) -> list[str]:
        """The addresses among these of files that have not been written to for so long, by the server's clock."""
        found = []
        for uri in uris:
            with suppress(FileNotFoundError), self._answers(uri):  # another process has deleted it
                answer = self._s3.head_object(Bucket=self._bucket, Key=self._key(uri))
                if answer["LastModified"] <= _time_of(answer) - timedelta(seconds=than_s):
                    found.append(uri)
        return found

    def _get_part(self, whole: str, offset: int, size: int) -> bytes:
        if size == 0:
            return b""
        wanted = {"Bucket": self._bucket, "Key": self._key(whole), "Range": f"bytes={offset}-{offset + size - 1}"}
        for left in reversed(range(TRIES)):
            with self._answers(whole):
                try:
                    return bytes(self._s3.get_object(**wanted)["Body"].read())
                except BotoCoreError:  # it broke off in the middle, which boto3 does not try again
                    if not left:
                        raise
        raise AssertionError

    def _keys(self, folder: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2")
        with self._answers(folder):
            for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._key(folder)}/"):
                yield from (one["Key"] for one in page.get("Contents", []))

    def _key(self, path: str) -> str:
        if "://" in path:
            return path.removeprefix(f"s3://{self._bucket}/")
        return f"{self._prefix}/{path}" if self._prefix else path

    @contextmanager
    def _answers(self, path: str) -> Iterator[None]:
        """Raise boto3's errors as `FileNotFoundError` and `FilesUnavailableError`."""
        try:
            yield
        except ClientError as error:
            if _code(error) in NOT_FOUND and self._has_bucket():
                raise FileNotFoundError(f"{path} is not in {self._url}") from error
            raise FilesUnavailableError(self._sentence(error)) from error
        except (BotoCoreError, Boto3Error) as error:
            raise FilesUnavailableError(self._sentence(error)) from error

    def _has_bucket(self) -> bool:
        """Whether the bucket is there: a HEAD of a file says 404 for both."""
        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            return _code(error) not in NOT_FOUND
        return True

    def _sentence(self, error: Exception) -> str:
        """What is wrong, and what to do."""
        code = _code(error) or type(error).__name__
        if code in NOT_FOUND | {"NoSuchBucket"}:
            return f"The bucket {self._bucket} is not there: make it, or correct EPOCHAL_FILES_URL."
        if code in REFUSED:
            keys = "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let this key list, read, write and delete"
            return f"S3 refuses these keys for the bucket {self._bucket} ({code}): {keys}."
        if code in ("NoCredentialsError", "PartialCredentialsError"):
            return "There are no keys for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        return f"The file store {self._url} does not answer ({code}): look at AWS_ENDPOINT_URL_S3 and the network."


def _code(error: Exception) -> str | None:
    """S3's own word for an error, also where boto3 has wrapped it."""
    cause = error if isinstance(error, ClientError) else error.__cause__ or error.__context__
    return str(cause.response["Error"].get("Code", "")) if isinstance(cause, ClientError) else None


def _time_of(answer: dict[str, Any]) -> Any:
    """When the server gave this answer, by its own clock."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
