"""The folder for temporary files of this machine: TMPDIR, or where the system keeps them."""

import socket
import tempfile
from pathlib import Path

from spec.disk import reason

from .errors import ScratchError


def scratch_folder() -> Path:
    """The folder. This process could write to it when it first asked. Raises `ScratchError`."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise ScratchError(
            f"No temporary file can be written on {socket.gethostname()}: {reason(error)}. Free space on its disk, or "
            "let TMPDIR name a folder that this user may write to."
        ) from error
