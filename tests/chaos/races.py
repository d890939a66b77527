"""Two who want different ends of one job, at the same moment."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from flask import Flask

from spec.job import JobSpec
from spec.states import FINISHED, FailureReason, JobStatus, StopReason
from store.records import Claim, JobFilter, Progress, Success
from tests.record import Record

WORKER = "w1"
ENDS = ("succeed", "fail", "confirm", "requeue", "reap")
AT_A_TIME = 20
"""Jobs that are claimed together, and ended by one verb."""
STEP_S = 0.00025
"""Who was first begins so much later the next time: then either is first about as often, however busy the machine."""
JITTER_S = 0.002
ASKED = 202
"""The answer to a cancel that came while the job ran."""


@dataclass(frozen=True)
class Ended:
    """How a race ended: what the worker tried, whether it could, and what the API answered."""

    verb: str
    done: bool
    code: int
    status: JobStatus
    ends: int
    """Events that end the job."""

    @property
    def consistent(self) -> bool:
        """Whether there is one end, and it is what the worker and the user saw."""
        of_worker = {"succeed": JobStatus.succeeded, "fail": JobStatus.failed}.get(self.verb, JobStatus.cancelled)
        cancelled = self.status is JobStatus.cancelled
        answered = {200: cancelled, 202: True, 409: not cancelled}[self.code]
        return self.ends == 1 and self.done and answered and self.status is of_worker


def race(store: Record, app: Flask, token: str, random: Random, count: int) -> list[Ended]:
    """Let a worker end, and a user cancel over HTTP, each of `count` running jobs."""
    spec = JobSpec.model_validate({"dataset": "xor"})
    ended: list[Ended] = []
    head_start_s = dict.fromkeys(ENDS, 0.0)
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, count, AT_A_TIME):
            store.submit([spec] * min(AT_A_TIME, count - start), owner="ada")
            verb = ENDS[start // AT_A_TIME % len(ENDS)]
            claims = store.claim(worker=WORKER, device="cpu", limit=AT_A_TIME, lease_s=600.0)
            waiting, *_ = store.list_jobs(JobFilter(status=(JobStatus.queued,)), owner="ada")
            assert not waiting, f"{len(claims)} jobs were claimed, and these wait: {[job.id for job in waiting]}"
            for claim in claims:
                user_first_s = head_start_s[verb] + random.uniform(-JITTER_S, JITTER_S)
                ended.append(_race(store, app, token, pool, verb, claim, user_first_s))
                head_start_s[verb] += -STEP_S if ended[-1].code == ASKED else STEP_S
    return ended


def _race(
    store: Record, app: Flask, token: str, pool: ThreadPoolExecutor, verb: str, claim: Claim, user_first_s: float
) -> Ended:
    if verb == "reap":  # this one's lease has expired, and no other's
        store.renew(worker=WORKER, progress=[Progress(claim.job_id, claim.attempt)], lease_s=-1.0)
    gate, pause = threading.Barrier(2), threading.Event()

    def work() -> bool:
        gate.wait()
        pause.wait(max(user_first_s, 0.0))
        return _end(store, verb, claim)

    def cancel() -> int:
        gate.wait()
        pause.wait(max(-user_first_s, 0.0))
        return _cancel(app, token, claim.job_id)

    worker, user = pool.submit(work), pool.submit(cancel)
    done, code = worker.result(), user.result()
    status = store.get(claim.job_id, owner=None).status
    ends = sum(event.to_status in FINISHED for event in store.events(claim.job_id))
    return Ended(verb, done, code, status, ends)


def _end(store: Record, verb: str, claim: Claim) -> bool:
    job_id, attempt = claim.job_id, claim.attempt
    match verb:
        case "succeed":
            end = Success(job_id, attempt, StopReason.max_epochs, best_epoch=1, best_metrics={})
            return bool(store.succeed(end))
        case "fail":
            return store.fail(job_id, attempt, reason=FailureReason.error, message="it failed")
        case "confirm":
            return store.confirm_cancel(job_id, attempt)
        case "requeue":
            return store.requeue(job_id, attempt, reason="back", charge=True)
    store.reap()
    return True


def _cancel(app: Flask, token: str, job_id: str) -> int:
    answer = app.test_client().post(f"/api/v1/jobs/{job_id}/cancel", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def counted(ended: Sequence[Ended]) -> Counter[tuple[str, int, str]]:
    """How often each worker's verb and each answer met in each end."""
    return Counter((one.verb, one.code, one.status.value) for one in ended)
