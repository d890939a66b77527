"""The record's verbs in any order, from two connections, against a small model of what a job is.

No lease is waited for: one of a second ago has expired by the database's own clock. `make chaos` runs the same machine
for longer, with other examples each time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select

from spec.job import JobSpec
from spec.states import FINISHED, TRANSITIONS, FailureReason, JobStatus, StopReason
from spec.views import Curve
from store import db
from store.errors import IllegalTransitionError
from store.jobs import Beat, Claim, Idempotency, JobStore
from store.tables import Base, Job, Lease

HELD_S, EXPIRED_S = 600.0, -1.0
SHAPES: dict[str, dict[str, Any]] = {"iris": {"dataset": "iris"}, "wine": {"dataset": "wine"}}
FEW = 4
"""With many jobs the verbs seldom meet at one."""
NOBODYS: Curve = {"epoch": [1], "train_loss": [-1.0]}
"""What a worker tells that has lost its job."""
WORKERS = st.sampled_from(("w1", "w2"))
LEASES = st.sampled_from((HELD_S, EXPIRED_S))


@dataclass
class Modelled:
    """What a job is."""

    shape: str
    max_attempts: int
    status: JobStatus = JobStatus.queued
    attempt: int = 0
    spent: int = 0
    cancel: bool = False
    holder: str = ""
    expired: bool = False
    """Whether its lease has."""
    curve: dict[int, float] = field(default_factory=dict)
    beat: tuple[int, int] | None = None
    """First and last epoch of the newest beat of this attempt."""
    history: list[tuple[JobStatus | None, JobStatus, int]] = field(default_factory=list)

    def become(self, status: JobStatus) -> None:
        """Change the state, with its event."""
        self.history.append((self.status if self.history else None, status, self.attempt))
        self.status = status
        if status is not JobStatus.running:
            self.holder = ""

    def released(self, *, charge: bool) -> None:
        """Lose the worker."""
        self.spent -= 0 if charge else 1
        worn_out = self.spent >= self.max_attempts
        self.become(JobStatus.cancelled if self.cancel else JobStatus.failed if worn_out else JobStatus.queued)

    def told(self, first: int, last: int) -> Curve:
        """The points of a beat, which replace what older attempts told of these epochs and later ones."""
        self.curve = {epoch: value for epoch, value in self.curve.items() if epoch < first}
        self.curve |= {epoch: self.attempt + epoch / 1000 for epoch in range(first, last + 1)}
        self.beat = first, last
        epochs = range(first, last + 1)
        return {"epoch": [*epochs], "train_loss": [self.curve[epoch] for epoch in epochs]}

    @property
    def waits(self) -> bool:
        """Whether a worker may claim it."""
        return self.status is JobStatus.queued and not self.cancel


class Machine(RuleBasedStateMachine):
    """Users, two workers and reapers; each of the workers has a connection of its own."""

    jobs: Bundle[str] = Bundle("jobs")
    claims: Bundle[tuple[str, Claim]] = Bundle("claims")
    keys: Bundle[tuple[Idempotency, JobSpec, str]] = Bundle("keys")

    def __init__(self, engines: tuple[Engine, Engine]) -> None:
        super().__init__()
        with db.writing(engines[0]) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        self.engine = engines[0]
        self.stores = {"w1": JobStore(engines[0]), "w2": JobStore(engines[1])}
        self.user = self.stores["w1"]
        self.known: dict[str, Modelled] = {}

    # --- users --------------------------------------------------------------------------------------------------

    def submitted(self, ids: list[str], shape: str, attempts: int) -> None:
        for job_id in ids:
            self.known[job_id] = Modelled(shape, attempts)
            self.known[job_id].become(JobStatus.queued)

    @precondition(lambda self: len(self.known) < FEW)
    @rule(
        target=jobs,
        shape=st.sampled_from(sorted(SHAPES)),
        count=st.integers(1, 2),
        attempts=st.integers(1, 3),
        priority=st.integers(0, 2),
    )
    def submit(self, shape: str, count: int, attempts: int, priority: int) -> Any:
        spec = JobSpec.model_validate({**SHAPES[shape], "max_attempts": attempts, "priority": priority})
        ids = [job.id for job in self.user.submit([spec] * count, owner="ada").jobs]
        self.submitted(ids, shape, attempts)
        return multiple(*ids)

    @precondition(lambda self: len(self.known) < FEW)
    @rule(target=keys, shape=st.sampled_from(sorted(SHAPES)))
    def submit_with_a_key(self, shape: str) -> tuple[Idempotency, JobSpec, str]:
        spec, key = JobSpec.model_validate(SHAPES[shape]), Idempotency(f"k{len(self.known)}", shape)
        (job,) = self.user.submit([spec], owner="ada", idempotency=key).jobs
        self.submitted([job.id], shape, spec.max_attempts)
        return key, spec, job.id

    @rule(target=jobs, known=consumes(keys), worker=WORKERS)
    def submit_again(self, known: tuple[Idempotency, JobSpec, str], worker: str) -> str:
        key, spec, job_id = known
        again = self.stores[worker].submit([spec], owner="ada", idempotency=key)
        assert ([job.id for job in again.jobs], again.replayed) == ([job_id], True)
        return job_id

    @rule(job_id=jobs)
    def request_cancel(self, job_id: str) -> None:
        job = self.known[job_id]
        if job.status in (JobStatus.succeeded, JobStatus.failed):
            with pytest.raises(IllegalTransitionError):
                self.user.request_cancel(job_id, owner="ada", actor="ada")
            return
        job.cancel = job.cancel or job.status is not JobStatus.cancelled
        if job.status is JobStatus.queued:
            job.become(JobStatus.cancelled)
        assert self.user.request_cancel(job_id, owner="ada", actor="ada").status is job.status

    @rule(job_id=jobs)
    def retry(self, job_id: str) -> None:
        job = self.known[job_id]
        if job.status is not JobStatus.failed:
            with pytest.raises(IllegalTransitionError):
                self.user.retry(job_id, owner="ada", actor="ada")
            return
        job.spent, job.cancel = 0, False
        job.become(JobStatus.queued)
        assert self.user.retry(job_id, owner="ada", actor="ada").status is JobStatus.queued

    # --- workers ------------------------------------------------------------------------------------------------

    @rule(target=claims, worker=WORKERS, limit=st.integers(1, 4), lease_s=LEASES)
    def claim(self, worker: str, limit: int, lease_s: float) -> Any:
        claimed = self.stores[worker].claim(worker=worker, device="cpu", limit=limit, lease_s=lease_s)
        assert bool(claimed) == any(job.waits for job in self.known.values())
        return self.taken(claimed, worker, limit, lease_s)

    @rule(target=claims, held=claims, limit=st.integers(1, 4), lease_s=LEASES)
    def admit(self, held: tuple[str, Claim], limit: int, lease_s: float) -> Any:
        worker, mate = held
        shape, beside = self.known[mate.job_id].shape, mate.job_id
        claimed = self.stores[worker].admit(worker=worker, device="cpu", beside=beside, limit=limit, lease_s=lease_s)
        assert all(claim.spec.pack_key == mate.spec.pack_key for claim in claimed)
        assert bool(claimed) == any(job.waits and job.shape == shape for job in self.known.values())
        return self.taken(claimed, worker, limit, lease_s)

    def taken(self, claimed: list[Claim], worker: str, limit: int, lease_s: float) -> Any:
        assert len(claimed) <= limit
        assert len({claim.spec.pack_key for claim in claimed}) <= 1
        for claim in claimed:
            job = self.known[claim.job_id]
            assert job.waits
            job.attempt, job.spent = job.attempt + 1, job.spent + 1
            assert claim.attempt == job.attempt
            job.become(JobStatus.running)
            job.holder, job.expired, job.beat = worker, lease_s < 0, None
            job.curve = {}  # no checkpoint is told of here: it begins again
        return multiple(*((worker, claim) for claim in claimed))

    def holds(self, worker: str, claim: Claim) -> bool:
        """Whether a claim of this worker still is one."""
        job = self.known[claim.job_id]
        return job.attempt == claim.attempt and job.holder == worker

    def points(self, claim: Claim, data: st.DataObject) -> Curve:
        """What a worker would tell next: the epochs that follow, or its last beat again and what came since."""
        job = self.known[claim.job_id]
        if job.beat is None:
            return job.told(1, 1 + data.draw(st.integers(0, 3), "more"))
        first, last = job.beat
        if data.draw(st.booleans(), "again"):
            return job.told(first, last + data.draw(st.integers(0, 2), "more"))
        return job.told(last + 1, last + 1 + data.draw(st.integers(0, 3), "more"))

    @rule(held=st.lists(claims, min_size=1, max_size=4), lease_s=LEASES, data=st.data())
    def renew(self, held: list[tuple[str, Claim]], lease_s: float, data: st.DataObject) -> None:
        worker = held[0][0]
        mine = {claim.job_id: claim for name, claim in held if name == worker}
        beats, lost, cancel = [], set(), set()
        for job_id, claim in mine.items():
            if not self.holds(worker, claim):
                lost.add(job_id)
                beats.append(Beat(job_id, claim.attempt, NOBODYS))
                continue
            self.known[job_id].expired = lease_s < 0
            beats.append(Beat(job_id, claim.attempt, self.points(claim, data)))
            if self.known[job_id].cancel:
                cancel.add(job_id)
        renewal = self.stores[worker].renew(worker=worker, beats=beats, lease_s=lease_s)
        assert (renewal.lost, renewal.cancel) == (frozenset(lost), frozenset(cancel))

    @rule(held=claims, data=st.data(), verb=st.sampled_from(("succeed", "fail", "confirm_cancel")))
    def end(self, held: tuple[str, Claim], data: st.DataObject, verb: str) -> None:
        worker, claim = held
        ours = self.holds(worker, claim)
        told = self.points(claim, data) if ours else NOBODYS
        store, job_id, attempt = self.stores[worker], claim.job_id, claim.attempt
        match verb:
            case "succeed":
                status = JobStatus.succeeded
                ended = store.succeed(
                    *(job_id, attempt),
                    **{"stop_reason": StopReason.max_epochs, "best_epoch": 1, "best_metrics": None, "points": told},  # type: ignore[arg-type]
                )
            case "fail":
                status = JobStatus.failed
                ended = store.fail(job_id, attempt, reason=FailureReason.error, message="no", points=told)
            case _:
                status = JobStatus.cancelled
                ended = store.confirm_cancel(job_id, attempt, told)
        assert ended == ours
        if ours:
            self.known[job_id].become(status)

    @rule(held=claims, charge=st.booleans())
    def requeue(self, held: tuple[str, Claim], charge: bool) -> None:
        worker, claim = held
        ours = self.holds(worker, claim)
        assert self.stores[worker].requeue(claim.job_id, claim.attempt, reason="back", charge=charge) == ours
        if ours:
            self.known[claim.job_id].released(charge=charge)

    @rule(worker=WORKERS)
    def reap(self, worker: str) -> None:
        became = []
        for job in self.known.values():
            if job.holder and job.expired:
                job.released(charge=True)
                became.append(job.status)
        reaped = self.stores[worker].reap()
        assert (reaped.requeued, reaped.failed, reaped.cancelled) == (
            became.count(JobStatus.queued),
            became.count(JobStatus.failed),
            became.count(JobStatus.cancelled),
        )

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def the_record_is_the_model(self) -> None:
        with db.reading(self.engine) as connection:
            jobs = connection.execute(select(Job.id, Job.status, Job.attempt, Job.cancel_requested_at)).all()
            leases = connection.execute(select(Lease.job_id, Lease.attempt, Lease.worker)).all()
        assert {job.id: (job.status, job.attempt, job.cancel_requested_at is not None) for job in jobs} == {
            job_id: (job.status.value, job.attempt, job.cancel) for job_id, job in self.known.items()
        }
        assert {lease.job_id: (lease.attempt, lease.worker) for lease in leases} == {
            job_id: (job.attempt, job.holder) for job_id, job in self.known.items() if job.status is JobStatus.running
        }

    def teardown(self) -> None:
        """Look at all histories and all curves."""
        for job_id, job in self.known.items():
            history = [(event.from_status, event.to_status, event.attempt) for event in self.user.events(job_id)]
            assert history == job.history
            assert all(before is None or after in TRANSITIONS[before] for before, after, _ in history)
            assert all(before not in FINISHED - {JobStatus.failed} for before, _, _ in history)
            curve = self.user.curve(job_id)
            assert curve["epoch"] == list(range(1, len(job.curve) + 1))
            assert curve.get("train_loss", []) == [job.curve[int(epoch or 0)] for epoch in curve["epoch"]]


@contextmanager
def connections(url: str) -> Iterator[tuple[Engine, Engine]]:
    """Two, to a record that is up to date."""
    db.migrate(url)
    with ExitStack() as stack:
        engines = db.connect(url), db.connect(url)
        for engine in engines:
            stack.callback(engine.dispose)
        yield engines


def run(engines: tuple[Engine, Engine], chosen: settings) -> None:
    """Let the machine run on these connections."""
    made = partial(Machine, engines)
    run_state_machine_as_test(cast("type[Machine]", made), settings=chosen)


@pytest.mark.parametrize("database", ["postgres_url", "sqlite_url"])
def test_any_order_of_verbs_leaves_the_record_as_the_model(database: str, request: pytest.FixtureRequest) -> None:
    fewer = settings(
        max_examples=12,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with connections(request.getfixturevalue(database)) as engines:
        run(engines, fewer)
