"""The file system that the record of a stack is on."""

import re
from pathlib import Path

from spec.findings import Finding, warning
from spec.settings import Settings

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"})
MOUNTS = Path("/proc/self/mounts")
"""A line for each mounted file system: what is mounted, where, of which kind, and how. Only Linux has it."""


def network_warning(settings: Settings) -> Finding | None:
    """What is wrong with a record of SQLite on a network file system; None where it is on no such one."""
    file = settings.database_file
    kind = None if file is None else _kind(file.resolve())
    if kind not in NETWORK:
        return None
    return warning(
        "record",
        f"{file} is on a network file system ({kind}), where SQLite is slow and may damage it.",
        "Let EPOCHAL_HOME name a folder on a disk of this machine, or EPOCHAL_DATABASE_URL a PostgreSQL server.",
    )


def _kind(path: Path) -> str | None:
    mounts = MOUNTS.read_text(errors="surrogateescape").splitlines() if MOUNTS.exists() else []
    kinds = {Path(_unescaped(folder)): kind for _, folder, kind, *_ in map(str.split, mounts)}
    return next((kinds[folder] for folder in path.parents if folder in kinds), None)


def _unescaped(folder: str) -> str:
    r"""The folder's own name: a blank is written \040."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), folder)
