"""The file store of a record: it has the record's mark, a small file, or nothing is written to it.

A folder whose share is not mounted, a folder of another name, another bucket: each can be written to, and what a job
left there would be lost.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from spec.disk import reason

from ..errors import StoreError
from .errors import FilesUnavailableError, WrongFilesError, may_pass
from .local import path_of
from .protocol import Files

MARK = "epochal-files-id"
"""The file with the mark. It is not hidden, so that whoever copies the files copies it."""

_LENGTH = 36
_ADDRESS = "Its address is "
_ABOUT = "The file store of an Epochal service is known by the line above. Leave this file where it is.\n"

ASKED_EVERY_S = 30.0
"""How often the record is asked for its mark."""
BUCKET_HOLDS_S = 60.0
"""So long a bucket is not looked at again: it cannot be unmounted, and to ask it takes time."""


def mark_in(files: Files) -> str | None:
    """The mark of a file store. Raises `OSError`."""
    return mark_and_address_in(files)[0]


def mark_and_address_in(files: Files) -> tuple[str | None, str | None]:
    """The mark of a file store, and its address where it was marked. Raises `OSError`."""
    try:
        lines = files.get(MARK).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None, None
    addresses = (line.removeprefix(_ADDRESS) for line in lines if line.startswith(_ADDRESS))
    return "".join(lines[:1])[:_LENGTH].strip() or None, next(addresses, None)


def put_mark(files: Files, mark: str) -> None:
    """Mark a file store. Raises `OSError`."""
    files.put(MARK, f"{mark}\n{_ABOUT}{_ADDRESS}{files.uri('')}\n".encode())


def _is_at(folder: Path, address: str) -> bool:
    """Whether a folder has this address, or one that leads to it here, too, such as a link."""
    with suppress(OSError):
        return address == folder.as_uri() or path_of(address).samefile(folder)
    return False


class MarkedFiles:
    """A file store that is written to only while its mark is the one that `expected` gives; where that is None, always.

    `expected` may raise `StoreError`: then the last answer counts.
    """

    def __init__(
        self, files: Files, expected: Callable[[], str | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files, self._ask, self._clock = files, expected, clock
        self._expected: str | None = None
        self._asked_at = self._found_at = float("-inf")

    def demand(self) -> None:
        """Raise `WrongFilesError` for a file store without the mark, `FilesUnavailableError` if it has no use now."""
        self._demand_mark()
        folder = self.folder
        if folder is not None and os.access(folder, os.F_OK) and not os.access(folder, os.W_OK | os.X_OK):
            raise FilesUnavailableError(
                f"{self._named()} cannot be written to: it is read-only, or this user has no right to."
            )

    def _demand_mark(self) -> None:
        """What is read needs: raise `WrongFilesError` without the mark, `FilesUnavailableError` without an answer."""
        if self.folder is None and self._clock() - self._found_at < BUCKET_HOLDS_S:
            return
        try:
            self._look()
        except OSError as error:
            if may_pass(error):
                raise
            raise FilesUnavailableError(f"{self._named()} cannot be used: {reason(error)}.") from error

    def check(self) -> None:
        """Raise `BadFilesUrlError` if it can never be used as it is set up, `FilesUnavailableError` if not now."""
        self._files.check()
        self.demand()

    def _look(self) -> None:
        found = None
        for every_s in (ASKED_EVERY_S, 0.0):  # before it is called wrong, both are asked anew
            expected = self._expected_now(every_s)
            if expected is None:
                return
            found, address = mark_and_address_in(self._files)
            if found == expected:
                if self.folder is not None and address is not None and not _is_at(self.folder, address):
                    raise WrongFilesError(self._elsewhere(address))
                self._found_at = self._clock()
                return
        raise WrongFilesError(self._wrong(found))

    def _expected_now(self, every_s: float) -> str | None:
        if self._clock() - self._asked_at >= every_s:
            with suppress(StoreError):
                self._expected = self._ask()
                self._asked_at = self._clock()
        return self._expected

    def _named(self) -> str:
        return f"The folder {self.folder} on {socket.gethostname()}" if self.folder else self.uri("").rstrip("/")

    def _elsewhere(self, address: str) -> str:
        return (
            f"{self._named()} is the file store of this service, but the API has it at another address, {address}: it "
            "would not find what is stored here. Mount it at that path, and correct EPOCHAL_FILES_URL."
        )

    def _wrong(self, found: str | None) -> str:
        has = f"its mark (the file {MARK}) is another one" if found else f"it has no mark (the file {MARK})"
        mounted = "Is it mounted there? Mount it" if self.folder else "Is it another one? Take the right one"
        return f"{self._named()} is not the file store of this service: {has}. {mounted}, or correct EPOCHAL_FILES_URL."

    # --- what writes or deletes ----------------------------------------------------------------------------------

    def put(self, path: str, content: bytes) -> None:
        """Store `content` under `path`."""
        self.demand()
        self._files.put(path, content)

    def adopt(self, path: str, made: Path) -> None:
        """Move the local file `made` under `path`."""
        self.demand()
        self._files.adopt(path, made)

    def delete_file(self, path: str) -> None:
        """Delete what is stored under `path`."""
        self.demand()
        self._files.delete_file(path)

    def delete_folder(self, folder: str) -> None:
        """Delete all that is stored below `folder`."""
        self.demand()
        self._files.delete_folder(folder)

    def delete_unfinished(self, after_s: float) -> None:
        """Delete what writers that died have left, if it is so old."""
        self.demand()
        self._files.delete_unfinished(after_s)

    # --- what reads ----------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path | None:
        """The folder that this is; None for a bucket."""
        return self._files.folder

    def uri(self, path: str) -> str:
        """The address of `path`, for the record."""
        return self._files.uri(path)

    def get(self, path: str) -> bytes:
        """What is stored under `path`. Raises `FileNotFoundError`, which another file store cannot know."""
        try:
            return self._files.get(path)
        except FileNotFoundError:
            self._demand_mark()
            raise

    def fetch(self, path: str, to: Path) -> Path:
        """A local file with what `get` gives. Raises `FileNotFoundError`, which another file store cannot know."""
        try:
            return self._files.fetch(path, to)
        except FileNotFoundError:
            self._demand_mark()
            raise

    def staging_folder(self) -> Path:
        """A local folder for unfinished files."""
        return self._files.staging_folder()

    def below(self, folder: str) -> list[str]:
        """Addresses of the files below `folder`."""
        return self._files.below(folder)

    def older(self, uris: Iterable[str], than_s: float) -> list[str]:
        """The addresses among these of files that have not been written to for so long."""
        return self._files.older(uris, than_s)
