"""What can go wrong with the file store, beside `FileNotFoundError` and a full disk."""

from spec.disk import may_recover


class BadFilesUrlError(ValueError):
    """EPOCHAL_FILES_URL names no file store, or one that these keys may not use: a sentence says what to change."""


class FilesUnavailableError(OSError):
    """The file store does not answer, or refuses: what is asked of it may work later."""


class WrongFilesError(FilesUnavailableError):
    """What is there is not the file store of the record: it may be mounted later."""


class ScratchError(FilesUnavailableError):
    """No temporary file can be written on this machine: where files are before the file store takes them."""


def may_pass(error: OSError) -> bool:
    """Whether the same may work later: the disk is full or fails, or the file store is away."""
    return may_recover(error) or isinstance(error, FilesUnavailableError)
