"""The record's verbs in any order, from two connections, against a small model of what a job is.

No lease is waited for: one of a second ago has expired by the database's own clock. `make chaos` runs the same machine
for longer, with other examples each time.
"""

from collections.abc import Callable, Iterator
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
from spec.views import Change, Curve
from store import db, schema
from store.checkpoints import KEPT, CheckpointRecord
from store.errors import IllegalTransitionError
from store.records import Claim, Idempotency, Progress, Success
from store.tables import Checkpoint, Job, Lease
from tests.record import Record, empty

HELD_S, EXPIRED_S = 600.0, -1.0
SHAPES: dict[str, dict[str, Any]] = {"iris": {"dataset": "iris"}, "wine": {"dataset": "wine"}}
FEW = 4
"""With more jobs, rules would seldom meet at one of them."""
STALE: Curve = {"epoch": [1], "train_loss": [-1.0]}
"""What a worker sends that has lost its job."""
WORKERS = st.sampled_from(("w1", "w2"))
LEASES = st.sampled_from((HELD_S, EXPIRED_S))


def address(job_id: str, attempt: int, epoch: int) -> str:
    """Where a checkpoint lies."""
    return f"file:///checkpoints/{job_id}/a{attempt}-e{epoch}"


@dataclass
class Modelled:
    """A job as it must be."""

    shape: str
    max_attempts: int
    status: JobStatus = JobStatus.queued
    attempt: int = 0
    spent: int = 0
    priority: int = 0
    cancel: bool = False
    pause: bool = False
    holder: str = ""
    expired: bool = False
    """Whether its lease has."""
    curve: dict[int, float] = field(default_factory=dict)
    beat: tuple[int, int] | None = None
    """First and last epoch of the newest heartbeat of this attempt."""
    begun_after: int = 0
    """The epoch after which this attempt began."""
    saved: set[tuple[int, int]] = field(default_factory=set)
    """Epochs of checkpoints, each with its attempt, that the record would hand out."""
    history: list[tuple[JobStatus | None, JobStatus, int]] = field(default_factory=list)

    def become(self, status: JobStatus) -> None:
        """Change the state, with its event."""
        self.history.append((self.status if self.history else None, status, self.attempt))
        self.status = status
        if status is not JobStatus.running:
            self.holder = ""
        if status in FINISHED:
            self.saved.clear()

    def released(self, *, charge: bool) -> None:
        """Lose the worker."""
        self.spent -= 0 if charge else 1
        worn_out = self.spent >= self.max_attempts
        back = JobStatus.paused if self.pause else JobStatus.queued
        self.become(JobStatus.cancelled if self.cancel else JobStatus.failed if worn_out else back)
        self.pause = False

    def send(self, first: int, last: int) -> Curve:
        """The points of a heartbeat, which replace those of older attempts for these epochs and later ones."""
        self.curve = {epoch: value for epoch, value in self.curve.items() if epoch < first}
        self.curve |= {epoch: self.attempt + epoch / 1000 for epoch in range(first, last + 1)}
        self.beat = first, last
        self.saved = {(epoch, attempt) for epoch, attempt in self.saved if attempt == self.attempt or epoch < first}
        epochs = range(first, last + 1)
        return {"epoch": [*epochs], "train_loss": [self.curve[epoch] for epoch in epochs]}

    def keep(self, epoch: int) -> None:
        """Save it; only the newest two are kept."""
        self.saved.add((epoch, self.attempt))
        self.saved = {one for one in self.saved if sum(other[0] > one[0] for other in self.saved) < KEPT}

    @property
    def waits(self) -> bool:
        """Whether a worker may claim it."""
        return self.status is JobStatus.queued and not self.cancel


def _runs(job: Modelled) -> bool:
    return job.status is JobStatus.running and not job.cancel


class Machine(RuleBasedStateMachine):
    """Users, two workers and reapers; each of the workers has a connection of its own."""

    jobs: Bundle[str] = Bundle("jobs")
    claims: Bundle[tuple[str, Claim]] = Bundle("claims")
    keys: Bundle[tuple[Idempotency, JobSpec, str]] = Bundle("keys")

    def __init__(self, engines: tuple[Engine, Engine]) -> None:
        super().__init__()
        empty(engines[0])
        self.engine = engines[0]
        self.stores = {"w1": Record(engines[0]), "w2": Record(engines[1])}
        self.user = self.stores["w1"]
        self.known: dict[str, Modelled] = {}

    # --- users --------------------------------------------------------------------------------------------------

    def submitted(self, ids: list[str], shape: str, attempts: int, priority: int = 0) -> None:
        for job_id in ids:
            self.known[job_id] = Modelled(shape, attempts, priority=priority)
            self.known[job_id].become(JobStatus.queued)

    @precondition(lambda self: len(self.known) < FEW)
    @rule(
        target=jobs,
        shape=st.sampled_from(sorted(SHAPES)),
        attempts=st.integers(1, 3),
        priorities=st.sampled_from(((0, 2), (0, 1, 2), (2, 0, 1), (1,))),
    )
    def submit(self, shape: str, attempts: int, priorities: tuple[int, ...]) -> Any:
        fields = {**SHAPES[shape], "max_attempts": attempts}
        specs = [JobSpec.model_validate({**fields, "priority": priority}) for priority in priorities]
        ids = [job.id for job in self.user.submit(specs, owner="ada").jobs]
        for job_id, priority in zip(ids, priorities, strict=True):
            self.submitted([job_id], shape, attempts, priority)
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
        assert ([job.id for job in again.jobs], again.is_repeat) == ([job_id], True)
        return job_id

    @rule(job_id=jobs)
    def request_cancel(self, job_id: str) -> None:
        job = self.known[job_id]
        if job.status in (JobStatus.succeeded, JobStatus.failed):
            with pytest.raises(IllegalTransitionError):
                self.user.request_cancel(job_id, owner="ada", actor="ada")
            return
        job.cancel = job.cancel or job.status is not JobStatus.cancelled
        if job.status in (JobStatus.queued, JobStatus.paused):
            job.become(JobStatus.cancelled)
        assert self.user.request_cancel(job_id, owner="ada", actor="ada").status is job.status

    @rule(job_id=jobs)
    def request_pause(self, job_id: str) -> None:
        job = self.known[job_id]
        if job.status in FINISHED or job.cancel:
            with pytest.raises(IllegalTransitionError):
                self.user.request_pause(job_id, owner="ada", actor="ada")
            return
        job.pause = job.status is JobStatus.running
        if job.status is JobStatus.queued:
            job.become(JobStatus.paused)
        assert self.user.request_pause(job_id, owner="ada", actor="ada").status is job.status

    @rule(job_id=jobs)
    def resume(self, job_id: str) -> None:
        job = self.known[job_id]
        refused = job.status in FINISHED or job.cancel
        if job.status is JobStatus.paused:
            job.become(JobStatus.queued)
        if job.status is JobStatus.running:
            job.pause = False
        if refused:
            with pytest.raises(IllegalTransitionError):
                self.user.resume(job_id, owner="ada", actor="ada")
            return
        assert self.user.resume(job_id, owner="ada", actor="ada").status is job.status

    @rule(job_id=jobs, priority=st.integers(0, 2))
    def change_the_priority(self, job_id: str, priority: int) -> None:
        job, change = self.known[job_id], Change(priority=priority)
        if job.status in FINISHED:
            with pytest.raises(IllegalTransitionError):
                self.user.change(job_id, change, owner="ada", actor="ada")
            return
        job.priority = priority
        job.become(job.status)
        assert self.user.change(job_id, change, owner="ada", actor="ada").priority == priority

    @rule(job_id=jobs)
    def retry(self, job_id: str) -> None:
        job = self.known[job_id]
        if job.status is not JobStatus.failed:
            with pytest.raises(IllegalTransitionError):
                self.user.retry(job_id, owner="ada", actor="ada")
            return
        job.spent, job.cancel, job.pause = 0, False, False
        job.become(JobStatus.queued)
        assert self.user.retry(job_id, owner="ada", actor="ada").status is JobStatus.queued

    def those(self, which: Callable[[Modelled], bool]) -> list[str]:
        """The jobs that meet a condition."""
        return sorted(job_id for job_id, job in self.known.items() if which(job))

    @precondition(lambda self: self.those(_runs))
    @rule(
        data=st.data(),
        requests=st.sampled_from((("pause", "cancel"), ("cancel",), ("pause",))),
        verb=st.sampled_from(("fail", "requeue")),
    )
    def it_leaves_before_it_sees_a_request(self, data: st.DataObject, requests: tuple[str, ...], verb: str) -> None:
        """Seldom by chance. One that fails so is retried, and has no control request then."""
        job_id = data.draw(st.sampled_from(self.those(_runs)), "job")
        for request in requests:
            (self.request_pause if request == "pause" else self.request_cancel)(job_id)
        job = self.known[job_id]
        if verb == "requeue":
            assert self.user.requeue(job_id, job.attempt, reason="back", charge=False)
            job.released(charge=False)
            return
        assert self.user.fail(job_id, job.attempt, reason=FailureReason.error, message="no")
        job.become(JobStatus.failed)
        self.the_record_is_the_model()
        self.retry(job_id)

    # --- workers ------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.known or self.those(lambda job: job.waits))
    @rule(target=claims, worker=WORKERS, limit=st.integers(1, 4), lease_s=LEASES)
    def claim(self, worker: str, limit: int, lease_s: float) -> Any:
        next_ = min(((-job.priority, job_id) for job_id, job in self.known.items() if job.waits), default=(0, None))[1]
        claimed = self.stores[worker].claim(worker=worker, device="cpu", limit=limit, lease_s=lease_s)
        assert next_ == (claimed[0].job_id if claimed else None)
        return self.taken(claimed, worker, limit, lease_s)

    @rule(target=claims, held=claims, limit=st.integers(1, 4), lease_s=LEASES)
    def claim_into_pack(self, held: tuple[str, Claim], limit: int, lease_s: float) -> Any:
        worker, mate = held
        shape, beside = self.known[mate.job_id].shape, mate.job_id
        claimed = self.stores[worker].claim_into_pack(
            worker=worker, device="cpu", beside=beside, limit=limit, lease_s=lease_s
        )
        assert all(claim.spec.pack_key == mate.spec.pack_key for claim in claimed)
        assert bool(claimed) == any(job.waits and job.shape == shape for job in self.known.values())
        return self.taken(claimed, worker, limit, lease_s)

    def taken(self, claimed: list[Claim], worker: str, limit: int, lease_s: float) -> Any:
        assert len(claimed) <= limit
        shapes = {self.known[claim.job_id].shape for claim in claimed}
        assert len(shapes) <= 1
        waiting = sorted(
            (-job.priority, job_id) for job_id, job in self.known.items() if job.waits and job.shape in shapes
        )
        assert [claim.job_id for claim in claimed] == [job_id for _, job_id in waiting[:limit]]
        for claim in claimed:
            job = self.known[claim.job_id]
            assert job.waits
            job.attempt, job.spent = job.attempt + 1, job.spent + 1
            assert claim.attempt == job.attempt
            job.become(JobStatus.running)
            job.holder, job.expired, job.beat = worker, lease_s < 0, None
            assert {(one.epoch, one.uri) for one in claim.checkpoints} == {
                (epoch, address(claim.job_id, attempt, epoch)) for epoch, attempt in job.saved
            }
            epochs = [one.epoch for one in claim.checkpoints]
            assert epochs == sorted(epochs, reverse=True)
            job.begun_after = max(epochs, default=0)
            job.curve = {epoch: value for epoch, value in job.curve.items() if epoch <= job.begun_after}
        return multiple(*((worker, claim) for claim in claimed))

    def holds(self, worker: str, claim: Claim) -> bool:
        """Whether a claim of this worker still is one."""
        job = self.known[claim.job_id]
        return job.attempt == claim.attempt and job.holder == worker

    def points(self, claim: Claim, data: st.DataObject) -> Curve:
        """What a worker would send next: the epochs that follow, or its last heartbeat again and the epochs since."""
        job = self.known[claim.job_id]
        if job.beat is None:
            older = [0, *(epoch for epoch, attempt in job.saved if attempt < job.attempt)]
            begins = data.draw(st.sampled_from([job.begun_after, *sorted(older)]), "goes on after")
            return job.send(begins + 1, begins + 1 + data.draw(st.integers(0, 3), "more"))
        first, last = job.beat
        if data.draw(st.booleans(), "again"):
            return job.send(first, last + data.draw(st.integers(0, 2), "more"))
        return job.send(last + 1, last + 1 + data.draw(st.integers(0, 3), "more"))

    def saved(self, claim: Claim, sent: Curve, data: st.DataObject) -> tuple[CheckpointRecord, ...]:
        """Checkpoints of epochs that are sent now."""
        epochs = [int(epoch or 0) for epoch in sent["epoch"]]
        chosen = sorted(data.draw(st.sets(st.sampled_from(epochs), max_size=3), "saved"))
        for epoch in chosen:
            self.known[claim.job_id].keep(epoch)
        at = partial(address, claim.job_id, claim.attempt)
        return tuple(CheckpointRecord(epoch, at(epoch), "0" * 64) for epoch in chosen)

    @rule(held=st.lists(claims, min_size=1, max_size=4), lease_s=LEASES, data=st.data())
    def renew(self, held: list[tuple[str, Claim]], lease_s: float, data: st.DataObject) -> None:
        worker = held[0][0]
        mine = {(claim.job_id, claim.attempt): claim for name, claim in held if name == worker}
        beats, lost, cancel, pause = [], set(), set(), set()
        for (job_id, attempt), claim in mine.items():
            if not self.holds(worker, claim):
                lost.add((job_id, attempt))
                beats.append(Progress(job_id, attempt, STALE))
                continue
            self.known[job_id].expired = lease_s < 0
            sent = self.points(claim, data)
            beats.append(Progress(job_id, attempt, sent, checkpoints=self.saved(claim, sent, data)))
            if self.known[job_id].cancel:
                cancel.add(job_id)
            elif self.known[job_id].pause:
                pause.add(job_id)
        renewal = self.stores[worker].renew(worker=worker, progress=beats, lease_s=lease_s)
        assert (set(renewal.lost), set(renewal.cancel), set(renewal.pause)) == (lost, cancel, pause)

    @rule(held=claims, data=st.data(), verb=st.sampled_from(("succeed", "fail", "confirm_cancel")))
    def end(self, held: tuple[str, Claim], data: st.DataObject, verb: str) -> None:
        worker, claim = held
        ours = self.holds(worker, claim)
        sent = self.points(claim, data) if ours else STALE
        store, job_id, attempt = self.stores[worker], claim.job_id, claim.attempt
        match verb:
            case "succeed":
                status = JobStatus.succeeded
                end = Success(job_id, attempt, StopReason.max_epochs, best_epoch=1, best_metrics=None, points=sent)
                ended = bool(store.succeed(end))
            case "fail":
                status = JobStatus.failed
                ended = store.fail(job_id, attempt, reason=FailureReason.error, message="no", points=sent)
            case _:
                status = JobStatus.cancelled
                ended = store.confirm_cancel(job_id, attempt, sent)
        assert ended == ours
        if ours:
            self.known[job_id].become(status)

    @rule(held=claims, charge=st.booleans(), data=st.data())
    def requeue(self, held: tuple[str, Claim], charge: bool, data: st.DataObject) -> None:
        worker, claim = held
        ours = self.holds(worker, claim)
        sent = self.points(claim, data) if ours else STALE
        kept = self.saved(claim, sent, data) if ours else ()
        store, job_id, attempt = self.stores[worker], claim.job_id, claim.attempt
        assert store.requeue(job_id, attempt, reason="back", charge=charge, points=sent, checkpoints=kept) == ours
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
            jobs = connection.execute(
                select(Job.id, Job.status, Job.attempt, Job.priority, Job.cancel_requested_at, Job.pause_requested_at)
            ).all()
            saved = connection.execute(
                select(Checkpoint.job_id, Checkpoint.epoch, Checkpoint.attempt).where(~Checkpoint.void)
            ).all()
            leases = connection.execute(select(Lease.job_id, Lease.attempt, Lease.worker)).all()
        assert {
            job.id: (
                *(job.status, job.attempt, job.priority),
                *(job.cancel_requested_at is not None, job.pause_requested_at is not None),
            )
            for job in jobs
        } == {
            job_id: (job.status.value, job.attempt, job.priority, job.cancel, job.pause)
            for job_id, job in self.known.items()
        }
        assert {tuple(one) for one in saved} == {
            (job_id, *one) for job_id, job in self.known.items() for one in job.saved
        }
        assert {lease.job_id: (lease.attempt, lease.worker) for lease in leases} == {
            job_id: (job.attempt, job.holder) for job_id, job in self.known.items() if job.status is JobStatus.running
        }

    def teardown(self) -> None:
        """Look at all histories and all curves."""
        for job_id, job in self.known.items():
            history = [(event.from_status, event.to_status, event.attempt) for event in self.user.events(job_id)]
            assert history == job.history
            steps = [(before, after) for before, after, _ in history if before is not None and before is not after]
            assert all(after in TRANSITIONS[before] for before, after in steps)
            curve = self.user.curve(job_id)
            assert curve["epoch"] == list(range(1, len(job.curve) + 1))
            assert curve.get("train_loss", []) == [job.curve[int(epoch or 0)] for epoch in curve["epoch"]]


@contextmanager
def connections(url: str) -> Iterator[tuple[Engine, Engine]]:
    """Two, to a record that is up to date."""
    schema.migrate(url)
    with ExitStack() as stack:
        engines = db.connect(url), db.connect(url)
        for engine in engines:
            stack.callback(engine.dispose)
        yield engines


def run(engines: tuple[Engine, Engine], chosen: settings) -> None:
    """Let the machine run on these connections."""
    made = partial(Machine, engines)
    run_state_machine_as_test(cast("type[Machine]", made), settings=chosen)


@pytest.mark.parametrize("database", ["postgres_url", pytest.param("sqlite_url", marks=pytest.mark.thorough)])
def test_any_order_of_verbs_leaves_the_record_as_the_model(database: str, request: pytest.FixtureRequest) -> None:
    fewer = settings(
        max_examples=20 if request.config.getoption("--all-databases") else 10,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with connections(request.getfixturevalue(database)) as engines:
        run(engines, fewer)
