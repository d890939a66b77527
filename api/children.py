"""Child processes of the API: they do what the API itself must not do or import."""

import os
import subprocess
import sys
from collections.abc import Mapping

# Not one secret of the service: a child may read what a stranger sent.
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


def child_environment(*more: str, **own: str) -> Mapping[str, str]:
    """A child's environment: the variables that every child needs, those named in `more`, and its `own`."""
    names = (*_PASSED_ON, *more)
    return {name: os.environ[name] for name in names if name in os.environ} | {"OMP_NUM_THREADS": "1"} | own


def ask(
    module: str, *arguments: str, question: bytes, environ: Mapping[str, str], wall_s: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a module as a child that reads a question and prints an answer; who calls looks at its exit code.

    Raises `subprocess.TimeoutExpired` when it takes longer than `wall_s`.
    """
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, input=question, env=environ, capture_output=True, timeout=wall_s, check=False)
