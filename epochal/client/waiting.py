"""Waiting for jobs and sweeps: they are polled, of many jobs some at once, until all have ended."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from spec.improvement import ImprovementView
from spec.short_ids import short
from spec.states import FINISHED
from spec.sweep_views import SweepView
from spec.views import JobView

from ..errors import BusyError, NotEndedError, ServerUnreachableError
from .api import Api
from .transport import STREAM_PATIENCE_S, WAITING

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.3
POLLED_AT_ONCE = 50
"""Most jobs polled in one round: thousands of jobs must not cause a flood of requests."""
SWEEP_REST = 5.0
"""A sweep is left alone so many times as long as its answer took: that of a large one is long."""

Answer = TypeVar("Answer")


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
    ended: dict[str, JobView] = {}
    waiting = list(dict.fromkeys(ids))

    def ask() -> list[JobView] | None:
        goes_on = False
        while waiting and not goes_on:
            polled = waiting[:POLLED_AT_ONCE]
            for view in [api.job(job_id) for job_id in polled]:
                show(view)
                if view.status in FINISHED:
                    ended[view.id] = view
            # The oldest jobs run first: those that have ended leave the list, the others go to its end.
            left = [job_id for job_id in polled if job_id not in ended]
            waiting[:] = [*waiting[POLLED_AT_ONCE:], *left]
            goes_on = bool(left)
        return None if waiting else [ended[job_id] for job_id in ids]

    def late() -> str:
        return _not_ended(waiting, timeout_s or 0.0)

    return _until_final(api, ask, late, rest=0.0, timeout_s=timeout_s, sleep=sleep, clock=clock)


def wait_for_sweep(
    api: Api,
    sweep_id: str,
    show: Callable[[SweepView], object],
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> SweepView:
    """The sweep, when it has ended; as `wait` otherwise."""

    def ask() -> SweepView | None:
        view = api.sweep(sweep_id)
        show(view)
        return view if view.state.is_final else None

    def late() -> str:
        return f"Sweep {short(sweep_id)} has not ended within {timeout_s:g} s. It goes on: wait again, or cancel it."

    return _until_final(api, ask, late, rest=SWEEP_REST, timeout_s=timeout_s, sleep=sleep, clock=clock)


def wait_for_improvement(
    api: Api,
    job_id: str,
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ImprovementView:
    """What the counterfactuals of a job show, when all have ended; as `wait` otherwise."""
    seen = list[ImprovementView]()

    def ask() -> ImprovementView | None:
        view = api.improvement(job_id)
        seen[:] = [view]
        return view if view.state.is_final else None

    def late() -> str:
        if not seen:
            return f"The server did not answer within {timeout_s:g} s. The counterfactuals go on: wait again."
        return f"{seen[0].sentence} They go on: wait again, or cancel sweep {short(seen[0].sweep)}."

    return _until_final(api, ask, late, rest=SWEEP_REST, timeout_s=timeout_s, sleep=sleep, clock=clock)


def _until_final(
    api: Api,
    ask: Callable[[], Answer | None],
    late: Callable[[], str],
    *,
    rest: float,
    timeout_s: float | None,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Answer:
    """The answer, once there is one. It is asked for again after `rest` times as long as it took.

    Raises `NotEndedError`, which says what is `late`, after `timeout_s`, and what `ask` raises, of a server that does
    not answer after half a minute.
    """
    ends_at = math.inf if timeout_s is None else clock() + timeout_s
    failing_since: float | None = None
    while True:
        began, wait_s = clock(), POLL_EVERY_S
        try:
            answer = ask()
        except (ServerUnreachableError, BusyError):
            if failing_since is None:
                failing_since = began
                log.warning(WAITING, api.url)
            if clock() > failing_since + STREAM_PATIENCE_S:
                raise
        else:
            if answer is not None:
                return answer
            failing_since = None
            wait_s = max(POLL_EVERY_S, rest * (clock() - began))
        left_s = ends_at - clock()
        if left_s <= 0.0:
            raise NotEndedError(late())
        sleep(min(wait_s, left_s))


def _not_ended(ids: Sequence[str], timeout_s: float) -> str:
    if len(ids) == 1:
        return f"Job {short(ids[0])} has not ended within {timeout_s:g} s. It goes on: wait again, or cancel it."
    return f"{len(ids)} jobs have not ended within {timeout_s:g} s. They go on: wait again, or cancel them."
