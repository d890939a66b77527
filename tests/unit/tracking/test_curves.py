import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from spec.views import Curve
from store.records import JobRecord
from tracking.curves import LONG, Curves

from .test_runs import job


class Jobs:
    """The part of the record that is read."""

    def curve(self, job_id: str) -> Curve:
        return {"epoch": [1], "train_loss": [0.5]}


@pytest.mark.parametrize(("epoch", "at_once"), [(LONG, 4), (LONG + 1, 1)])
def test_of_long_curves_one_is_in_memory_at_a_time(epoch: int, at_once: int) -> None:
    curves, several = Curves(Jobs()), threading.Barrier(at_once)  # type: ignore[arg-type]
    inside: list[int] = []

    def find(curve: Curve) -> int:
        several.wait(10.0)
        inside.append(1)
        time.sleep(0.01)
        found = len(inside)
        inside.pop()
        return found

    def use(one: JobRecord) -> int:
        return curves.use(one, find)

    jobs = [replace(job(), epoch=epoch)] * 4
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(use, jobs))
    assert at_once > 1 or max(found) == 1
