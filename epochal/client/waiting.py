"""Waiting for jobs: they are polled, some at once, until all have ended."""

import time
from collections.abc import Callable, Sequence

from spec.improvement import ImprovementView
from spec.states import FINISHED, SweepState
from spec.sweep_views import SweepView
from spec.views import JobView

from ..errors import BusyError, NotEndedError, ServerUnreachableError
from .api import Api
from .transport import STREAM_PATIENCE_S
from .words import short

POLL_EVERY_S = 0.3
POLLED_AT_ONCE = 50
"""Most jobs polled in one round: thousands of jobs must not cause a flood of requests."""


def wait(
    api: Api,
    ids: Sequence[str],
    show: Callable[[JobView], object],
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[JobView]:
    """The jobs, when all have ended; `show` is called with each as it is seen. Raises `NotEndedError`.

    A server that does not answer is asked again for half a minute.
    """
    ends_at = None if timeout_s is None else clock() + timeout_s
    patience_ends = clock() + STREAM_PATIENCE_S
    ended: dict[str, JobView] = {}
    waiting = list(dict.fromkeys(ids))
    while waiting:
        polled, later = waiting[:POLLED_AT_ONCE], waiting[POLLED_AT_ONCE:]
        try:
            views = [api.job(job_id) for job_id in polled]
            patience_ends = clock() + STREAM_PATIENCE_S
        except (ServerUnreachableError, BusyError):
            if clock() > patience_ends:
                raise
            views = []
        for view in views:
            show(view)
        ended |= {view.id: view for view in views if view.status in FINISHED}
        # The oldest jobs run first: those that have ended leave the list, the others go to its end.
        waiting = [*later, *(job_id for job_id in polled if job_id not in ended)]
        if waiting and ends_at is not None and clock() >= ends_at:
            raise NotEndedError(_not_ended(waiting, timeout_s or 0.0))
        if waiting:
            sleep(POLL_EVERY_S)
    return [ended[job_id] for job_id in ids]


def wait_for_sweep(
    api: Api,
    sweep_id: str,
    show: Callable[[SweepView], object],
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> SweepView:
    """The sweep, when it has ended; as `wait` otherwise. A large sweep is asked for less often."""
    began = seen_at = clock()
    while True:
        asked_at = clock()
        try:
            view = api.sweep(sweep_id)
            seen_at = clock()
            show(view)
            if view.state not in (SweepState.running, SweepState.paused):
                return view
        except (ServerUnreachableError, BusyError):
            if clock() > seen_at + STREAM_PATIENCE_S:
                raise
        if timeout_s is not None and clock() >= began + timeout_s:
            raise NotEndedError(
                f"Sweep {short(sweep_id)} has not ended within {timeout_s:g} s. It goes on: wait again, or cancel it."
            )
        sleep(max(POLL_EVERY_S, 5.0 * (clock() - asked_at)))


def wait_for_improvement(
    api: Api,
    job_id: str,
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ImprovementView:
    """What the counterfactuals of a job show, when all have ended. Raises `NotEndedError`."""
    ends_at = None if timeout_s is None else clock() + timeout_s
    while not (view := api.improvement(job_id)).state.is_final:
        if ends_at is not None and clock() >= ends_at:
            raise NotEndedError(f"{view.sentence} They go on: wait again, or cancel sweep {short(view.sweep)}.")
        sleep(POLL_EVERY_S)
    return view


def _not_ended(ids: Sequence[str], timeout_s: float) -> str:
    if len(ids) == 1:
        return f"Job {short(ids[0])} has not ended within {timeout_s:g} s. It goes on: wait again, or cancel it."
    return f"{len(ids)} jobs have not ended within {timeout_s:g} s. They go on: wait again, or cancel them."
