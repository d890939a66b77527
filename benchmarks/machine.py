"""The environment of a measurement: command, processor, versions, date."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def command(script: str, arguments: Sequence[str] | None) -> str:
    """The command that made a table, for its caption: a script with its options, or those of this process."""
    given = sys.argv[1:] if arguments is None else arguments
    options = [option for option in given if option not in ("--write", "--go-on")]
    return f"`{shlex.join(['python', '-m', f'benchmarks.{script}', *options])}`"


def about(*distributions: str) -> str:
    """A sentence for the caption of a table."""
    versions = ", ".join(f"{name} {version(name)}" for name in distributions)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}, {versions}; "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )


def processor() -> str:
    """The model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
