"""The sweeps, for users: submit, list, pause, resume, cancel, retry, extend.

What they have found is in `store.sweep_results`, and what the controller does in `store.trials`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from uuid_utils import uuid7

from spec.newer import NewerView
from spec.states import FailureReason, JobStatus, SweepState, TrialState
from spec.sweep import SweepSpec

from .access import Asker, changeable_by, demand_change, visible_to
from .control import cancel_jobs, pause_jobs, resume_jobs, retry_jobs
from .datasets import lock_datasets
from .db import again_if_deadlocked, lock, now, reading, writing
from .errors import IllegalSweepStateError, SweepNotFoundError
from .filters import named
from .idempotency import answered, remember
from .limits import NONE, Limits, QueueCapacity
from .mirror import mark_for_mirror
from .projects import demand_member, project_ids
from .quotas import MostQueued
from .records import Idempotency, SweepFilter
from .sweep_records import LOST, SweepRecord, sweep_record
from .tables import Job, Sweep, Trial
from .trial_ends import open_again
from .versions import read_row, read_rows, supported_rules

ANY = SweepFilter()


class SweepStore:
    """The sweeps, for users. Methods see those of `owner`, and change those that it may (`store.access`).

    Any process may call any method at any time. Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._capacity = QueueCapacity(limits)

    def submit(
        self,
        spec: SweepSpec,
        *,
        owner: str,
        idempotency: Idempotency | None = None,
        replays: str | None = None,
    ) -> SweepRecord:
        """Store a sweep; the controller proposes its first configurations. The same key again gives the same sweep.

        `replays` is the sweep that it makes again. Raises `DatasetNotFoundError`, `NotAMemberError` and
        `IdempotencyMismatchError`.
        """
        try:
            with writing(self._engine) as connection:
                sweep_id = _insert(connection, spec, owner=owner, replays=replays)
                if idempotency is not None:
                    remember(connection, owner, idempotency, [sweep_id])
        except IntegrityError:
            known = None if idempotency is None else self.answered(idempotency, owner=owner)
            if known is None:
                raise
            return known  # another request with this key was a moment faster
        return self.get(sweep_id, owner=owner)

    def improve(self, spec: SweepSpec, job_id: str, *, owner: str) -> tuple[SweepRecord, bool]:
        """The sweep that trains the counterfactuals of a job with as many seeds as `spec`, and whether it is new.

        Of requests at the same moment one makes it. Raises as `submit` does.
        """
        with writing(self._engine) as connection:
            lock(connection, f"improvement of job {job_id}")
            other = _improving(connection, job_id)
            if other is not None and other.improves_with(spec.seeds):
                return other, False
            sweep_id = _insert(connection, spec, owner=owner, improves=job_id)
        return self.get(sweep_id, owner=owner), True

    def answered(self, idempotency: Idempotency, *, owner: str) -> SweepRecord | None:
        """The sweep that a request with this key made before. Raises `IdempotencyMismatchError`."""
        with reading(self._engine) as connection:
            ids = answered(connection, owner, idempotency)
        return None if ids is None else self.get(ids[0], owner=owner)

    def most_jobs(self, project: str, *, owner: str) -> MostQueued | None:
        """How many jobs of the owner in this project may ever wait together; None: any number."""
        with reading(self._engine) as connection:
            project_id = project_ids(connection, [project], owner=owner).get(project)
            return self._capacity.most(connection, owner, project_id)

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, sweep_id: str, *, owner: Asker) -> SweepRecord:
        """The sweep. Raises `SweepNotFoundError`, for another owner's sweep too, and `NewerReleaseError`."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(Sweep.__table__).where(Sweep.id == sweep_id, visible_to(owner, Sweep))
            ).first()
        if row is None:
            raise SweepNotFoundError(
                f"There is no sweep {sweep_id} among yours: list the sweeps to see which there are."
            )
        return read_row(row, sweep_record)

    def list_sweeps(
        self, wanted: SweepFilter = ANY, *, owner: Asker, after: str | None = None, limit: int = 50
    ) -> tuple[list[SweepRecord], list[NewerView], str | None]:
        """Sweeps, newest first, those that a newer release wrote, and the cursor of the next page."""
        meant = [visible_to(owner, Sweep), *named(wanted, Sweep)]
        if wanted.state:
            meant.append(Sweep.state.in_([state.value for state in wanted.state]))
        query = select(Sweep.__table__).where(*meant).order_by(Sweep.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(Sweep.id < after)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        sweeps, newer = read_rows(rows[:limit], sweep_record)
        return sweeps, newer, rows[limit - 1].id if len(rows) > limit else None

    def improving(self, job_id: str) -> SweepRecord | None:
        """The newest sweep that trains the counterfactuals of a job; one that was cancelled or failed, if all were."""
        with reading(self._engine) as connection:
            return _improving(connection, job_id)

    # --- changing -------------------------------------------------------------------------------------------------

    @again_if_deadlocked  # with heartbeats, which write to many of its jobs in another order
    def cancel(self, sweep_id: str, *, owner: Asker, actor: str) -> SweepRecord:
        """End a sweep: jobs that wait are cancelled, and those that run get a control request.

        Raises `SweepNotFoundError`, and `IllegalSweepStateError` when it has ended in another way.
        """
        with writing(self._engine) as connection:
            if self._change(connection, sweep_id, owner, (SweepState.running, SweepState.paused), SweepState.cancelled):
                ids = cancel_jobs(connection, Job.sweep_id == sweep_id, actor=actor, reason="its sweep was cancelled")
                mark_for_mirror(connection, ids)
        return self._changed(sweep_id, owner, (SweepState.cancelled,), "cancelled")

    @again_if_deadlocked
    def pause(self, sweep_id: str, *, owner: Asker, actor: str) -> SweepRecord:
        """Pause a sweep and its jobs; raises as `cancel` does."""
        with writing(self._engine) as connection:
            if self._change(connection, sweep_id, owner, (SweepState.running,), SweepState.paused):
                pause_jobs(connection, Job.sweep_id == sweep_id, actor=actor, reason="its sweep was paused")
        return self._changed(sweep_id, owner, (SweepState.paused,), "paused")

    @again_if_deadlocked
    def resume(self, sweep_id: str, *, owner: Asker, actor: str) -> SweepRecord:
        """Let a paused sweep and its jobs go on. Raises as `cancel` does, and `NotAMemberError`."""
        known = self._changeable(sweep_id, owner)
        with writing(self._engine) as connection:
            demand_member(connection, owner, known)
            if self._change(connection, sweep_id, owner, (SweepState.paused,), SweepState.running):
                resume_jobs(connection, Job.sweep_id == sweep_id, actor=actor, reason="its sweep was resumed")
        return self._changed(sweep_id, owner, (SweepState.running,), "resumed")

    @again_if_deadlocked
    def retry(self, sweep_id: str, *, owner: Asker, actor: str) -> tuple[SweepRecord, list[str]]:
        """Queue its failed jobs that another try may mend, and their ids; a sweep that has finished goes on.

        Their configurations are open until these jobs have ended. Raises as `extend` does, also when there are none.
        """
        known = self._changeable(sweep_id, owner)
        if (why := known.spec.why_no_retry) is not None:
            cure = f"{why}; submit the spec of a failed job as a job of its own" if self._lost(sweep_id) else _NONE_LOST
            raise IllegalSweepStateError(known.state.value, "retried", cure)
        with writing(self._engine) as connection:
            demand_member(connection, owner, known)
            ids = list[str]()
            if self._change(connection, sweep_id, owner, _RETRIED, SweepState.running, finished_at=None):
                lock_datasets(connection, [known.spec.base], owner=known.owner)
                ids = retry_jobs(
                    connection, _retryable(sweep_id), actor=actor, reason="its sweep was asked to try again"
                )
                if not ids:
                    raise IllegalSweepStateError(known.state.value, "retried", _NONE_LOST)
                open_again(connection, sweep_id)
        return self._changed(sweep_id, owner, (SweepState.running,), "retried"), ids

    def retryable(self, sweep: SweepRecord) -> int:
        """How many of its jobs `retry` would queue."""
        if sweep.state not in _RETRIED or sweep.spec.why_no_retry is not None:
            return 0
        return self._lost(sweep.id)

    def _lost(self, sweep_id: str) -> int:
        """How many of its jobs have failed in a way that another try may mend."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).where(_retryable(sweep_id))).scalar_one())

    def extend(self, sweep_id: str, trials: int, *, owner: Asker) -> SweepRecord:
        """Give a sweep more configurations; one that has finished goes on.

        Raises as `resume` does, and `DatasetNotFoundError`: its data set may have been deleted after its end.
        """
        known = self._changeable(sweep_id, owner)
        body = known.spec.model_dump(mode="json", exclude_unset=True) | {"trials": trials}
        spec = SweepSpec.stored(body)
        open_ = (SweepState.running, SweepState.paused, SweepState.finished)
        # One that was paused since it was read stays paused, as its jobs do.
        state = case((Sweep.state == SweepState.paused.value, Sweep.state), else_=SweepState.running.value)
        with writing(self._engine) as connection:
            demand_member(connection, owner, known)
            values = {"spec": spec.model_dump(mode="json", exclude_unset=True), "exhausted": False, "finished_at": None}
            if self._change(connection, sweep_id, owner, open_, state, **values):
                lock_datasets(connection, [spec.base], owner=known.owner)
        return self._changed(sweep_id, owner, (SweepState.running, SweepState.paused), "extended")

    def _change(
        self,
        connection: Connection,
        sweep_id: str,
        owner: Asker,
        sources: Sequence[SweepState],
        to: SweepState | ColumnElement[str],
        **values: Any,
    ) -> bool:
        ended = {"finished_at": now()} if to is SweepState.cancelled else {}
        changed = (
            update(Sweep)
            .where(
                Sweep.id == sweep_id,
                changeable_by(owner, Sweep),
                supported_rules(),
                Sweep.state.in_([source.value for source in sources]),
            )
            .values(
                state=to.value if isinstance(to, SweepState) else to, message=None, mirrored=False, **ended, **values
            )
            .returning(Sweep.id)
        )
        return connection.execute(changed).first() is not None

    def _changeable(self, sweep_id: str, owner: Asker) -> SweepRecord:
        sweep = self.get(sweep_id, owner=owner)
        demand_change(owner, sweep)
        return sweep

    def _changed(self, sweep_id: str, owner: Asker, wanted: Sequence[SweepState], request: str) -> SweepRecord:
        sweep = self._changeable(sweep_id, owner)
        if sweep.state not in wanted:
            raise IllegalSweepStateError(sweep.state.value, request, _CURES[sweep.state])
        return sweep


_CURES: Mapping[SweepState, str] = {
    SweepState.running: "pause or cancel it",
    SweepState.paused: "resume or cancel it",
    SweepState.finished: "it has ended; extend it to train more configurations",
    SweepState.cancelled: "that is for good; submit its spec again",
    SweepState.failed: "it has ended; submit its spec again",
}
"""What can be done with a sweep in this state."""


def _insert(connection: Connection, spec: SweepSpec, *, owner: str, **of: str | None) -> str:
    """Write a new sweep, `of` the sweep or the job that it names; its id."""
    shared = project_ids(connection, [spec.base.project], owner=owner)
    lock_datasets(connection, [spec.base], owner=owner)
    sweep_id = str(uuid7())
    new = insert(Sweep).values(
        id=sweep_id,
        owner=owner,
        project_id=shared.get(spec.base.project),
        name=spec.name,
        spec=spec.model_dump(mode="json", exclude_unset=True) | {"version": spec.version},
        state=SweepState.running.value,
        **of,
    )
    connection.execute(new)
    return sweep_id


_RETRIED = (SweepState.running, SweepState.finished)
"""The states of sweeps whose failed jobs may be retried."""

_NONE_LOST = "none of its jobs has failed in a way that another try may mend"


def _retryable(sweep_id: str) -> ColumnElement[bool]:
    """The jobs of a sweep that have failed and that another try may mend."""
    useless = [reason.value for reason in FailureReason if reason.retry == "useless"]
    unsettled = Trial.state.in_([TrialState.open.value, TrialState.failed.value])  # the rows of all jobs are large
    where = Job.trial.in_(select(Trial.number).where(Trial.sweep_id == sweep_id, unsettled))
    failed = Job.status == JobStatus.failed.value
    return and_(Job.sweep_id == sweep_id, failed, Job.failure_reason.not_in(useless), where)


def _improving(connection: Connection, job_id: str) -> SweepRecord | None:
    lost = Sweep.state.in_([state.value for state in LOST])
    of_job = select(Sweep.__table__).where(Sweep.improves == job_id)
    row = connection.execute(of_job.order_by(case((lost, 1), else_=0), Sweep.id.desc()).limit(1)).first()
    return None if row is None else sweep_record(row)
