"""Whole curves of jobs that have ended, for verdicts and pictures."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from spec.views import Curve
from store.jobs import JobStore
from store.records import JobRecord

LONG = 100_000
"""A curve of more epochs is in memory alone: one of a million takes 300 MB, and several threads draw."""

Found = TypeVar("Found")


class Curves:
    """Reads curves. Threads may share it."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._one_long = threading.Lock()

    def use(self, job: JobRecord, find: Callable[[Curve], Found]) -> Found:
        """What `find` finds in the job's curve, which is in memory as long as that takes."""
        with self._one_long if job.epoch > LONG else nullcontext():
            return find(self._jobs.curve(job.id))
