"""Where models, checkpoints and data sets lie: a folder, or a bucket that speaks S3."""

from .addresses import part, pieces, without_part
from .errors import BadFilesUrlError, FilesUnavailableError, ScratchError, WrongFilesError, may_pass
from .marked import MARK, MarkedFiles, mark_and_address_in, mark_in, put_mark
from .protocol import Files
from .scratch import scratch_folder

__all__ = [
    "MARK",
    "BadFilesUrlError",
    "Files",
    "FilesUnavailableError",
    "MarkedFiles",
    "ScratchError",
    "WrongFilesError",
    "files_at",
    "mark_and_address_in",
    "mark_in",
    "may_pass",
    "part",
    "pieces",
    "put_mark",
    "scratch_folder",
    "without_part",
]


def files_at(url: str) -> Files:
    """The file store behind `file:///folder`, a plain path, or `s3://bucket/prefix`. Raises `BadFilesUrlError`."""
    scheme, found, _ = url.partition("://")
    if not found or scheme == "file":
        from .local import LocalFiles

        return LocalFiles(url)
    if scheme == "s3":
        from .s3 import S3Files  # boto3 is imported where it is used: it takes a third of a second

        return S3Files(url)
    raise BadFilesUrlError(f"EPOCHAL_FILES_URL: {scheme}:// is not known. Use file:///folder or s3://bucket/prefix.")
