"""Child processes of the API: they do what the API itself must not do or import."""

import os
from collections.abc import Mapping

# Not one secret of the service: a child may read what a stranger sent.
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


def child_environment(*more: str, **own: str) -> Mapping[str, str]:
    """A child's environment: the variables that every child needs, those named in `more`, and its `own`."""
    names = (*_PASSED_ON, *more)
    return {name: os.environ[name] for name in names if name in os.environ} | {"OMP_NUM_THREADS": "1"} | own
