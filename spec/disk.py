"""A disk that is full or broken, as the operating system reports it."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors that say that a disk, or a share of it, is full."""
BROKEN = (errno.EIO, errno.EROFS, errno.ESTALE)
"""Errors that say that a disk fails, has become read-only, or is no longer the one that was mounted."""


def is_full(error: OSError) -> bool:
    """Whether a full disk is the reason."""
    return error.errno in FULL


def may_recover(error: OSError) -> bool:
    """Whether the disk is the reason: another machine, or this one later, may do the same."""
    return is_full(error) or error.errno in BROKEN


def reason(error: OSError) -> str:
    """Why a file could not be written, in words."""
    return "the disk is full" if is_full(error) else str(error.strerror or error)
