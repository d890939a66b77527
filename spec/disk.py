"""A full disk, as the operating system reports it."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors that say that a disk, or a share of it, is full."""


def is_full(error: OSError) -> bool:
    """Whether a full disk is the reason."""
    return error.errno in FULL


def reason(error: OSError) -> str:
    """Why a file could not be written, in words."""
    return "the disk is full" if is_full(error) else str(error.strerror or error)
