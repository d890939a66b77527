"""Process settings that training needs, made once."""

import ctypes

import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Names of mallopt(3), from glibc's malloc.h."""


def configure_process() -> None:
    """Configure this process for training; results depend on it only through denormal numbers."""
    torch.set_num_threads(1)  # two processes of one thread beat one of two, by far under load
    torch.set_flush_denormal(True)  # the square root of denormal numbers takes five times as long
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the allocator reuse the memory that a step frees; by default it goes back to the system after each step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 512 << 20)
        mallopt(_M_TOP_PAD, 64 << 20)
