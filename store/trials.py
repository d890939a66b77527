"""The trials of sweeps, for the controller: the sweeps that are its own, what it proposes, how configurations ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Float, Row, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from spec.configuration import Configuration
from spec.halving import Bracket
from spec.halvings import Hyperband
from spec.job import JobSpec
from spec.states import JobStatus, SweepState, TrialState

from .brackets import bracket_key
from .datasets import lock_datasets
from .db import now, reading, writing
from .limits import NONE, Limits, QueueCapacity
from .quotas import MostQueued
from .records import JobRecord, columns, new_job
from .states import has_ended
from .sweep_records import LOST, NOTHING_FOUND, SweepRecord, TrialRecord, sweep_record, trial_record
from .tables import Generation, Job, Sweep, Trial
from .transitions import enter
from .trial_ends import count_open, ended_as
from .versions import supported_rules

# Written once: a controller looks ten times a second, and SQLAlchemy takes longer to build a statement than to run it.
_ended_early = Sweep.state.in_([state.value for state in LOST])
_is_looked_after = and_(
    or_(Sweep.state == SweepState.running.value, and_(_ended_early, Sweep.controller.is_not(None))), supported_rules()
)
_is_free = or_(Sweep.until.is_(None), Sweep.until < now())
_is_mine = Sweep.controller == bindparam("controller")
_due = or_(_is_free, and_(_is_mine, Sweep.until < now(bindparam("half_lease_s", type_=Float()))))
_MINE = select(Sweep.__table__, _due.label("due")).where(_is_looked_after, or_(_is_mine, _due)).order_by(Sweep.id)
"""The sweeps of a controller, and those that it may take; `due` when their lease is to be written."""
_has_open_trials = exists().where(Trial.sweep_id == Sweep.id, Trial.state == TrialState.open.value)
_OPEN_GENERATIONS = select(Generation.number).where(
    Generation.sweep_id == bindparam("sweep"), Generation.open_trials > 0
)
_DONE = (
    select(Trial.number)
    .where(
        Trial.sweep_id == bindparam("sweep"),
        Trial.state == TrialState.open.value,
        ~exists().where(Job.sweep_id == bindparam("sweep"), Job.trial == Trial.number, ~has_ended()),
    )
    .order_by(Trial.number)
    .limit(bindparam("limit"))
)
"""Open configurations whose jobs have all ended."""


@dataclass(frozen=True)
class NewTrial:
    """A configuration that is proposed, with the jobs of its seeds or folds."""

    configuration: Configuration
    digest: str
    jobs: Sequence[JobSpec]


class TrialStore:
    """What a controller of sweeps reads and writes. Any number of controllers may run; a sweep has one at a time."""

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._capacity = QueueCapacity(limits)

    def lease(self, controller: str, lease_s: float) -> list[SweepRecord]:
        """The sweeps that are this controller's now: those it has, and those nobody has.

        They run, or ended early and have configurations of which is not written how they ended.
        Only a lease that is half over, or a sweep that nobody has, is written: most looks read.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(_MINE, {"controller": controller, "half_lease_s": lease_s / 2}).all()
        if not any(row.due for row in rows):
            return [sweep_record(row) for row in rows]
        with writing(self._engine) as connection:
            taken = (
                update(Sweep)
                .where(_is_looked_after, or_(Sweep.controller == controller, _is_free))
                .values(controller=controller, until=now(lease_s))
                .returning(Sweep.__table__)
            )
            return [sweep_record(row) for row in sorted(connection.execute(taken), key=lambda row: row.id)]

    def history(self, sweep_id: str, first: int = 0) -> list[TrialRecord]:
        """All configurations that were proposed, from this number on, in order of their numbers."""
        with reading(self._engine) as connection:
            mine = (Trial.sweep_id == sweep_id, Trial.number >= first)
            query = select(Trial.__table__).where(*mine).order_by(Trial.number)
            return [trial_record(row) for row in connection.execute(query)]

    def spent(self, sweep_id: str, generation: int) -> int:
        """The epochs that configurations of this generation and of earlier ones were trained."""
        mine = (Trial.sweep_id == sweep_id, Trial.generation <= generation)
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.sum(Trial.epochs), 0)).where(*mine)).scalar_one())

    def replayed(self, sweep: SweepRecord, generation: int) -> Bracket | None:
        """The bracket that this generation had in the sweep that is replayed, unless it was the last one there.

        A sweep that was extended has a generation that is smaller than the spec alone would make it.
        """
        mine = (Generation.sweep_id == sweep.replays, Generation.number == generation)
        later = aliased(Generation)
        followed = exists().where(later.sweep_id == sweep.replays, later.number > generation)
        with reading(self._engine) as connection:
            found = connection.execute(select(Generation.bracket).where(*mine, followed)).scalar()
        return None if found is None else Bracket.model_validate(found)

    def open_generations(self, sweep_id: str) -> set[int]:
        """Generations whose configurations have not all ended."""
        with reading(self._engine) as connection:
            return set(connection.execute(_OPEN_GENERATIONS, {"sweep": sweep_id}).scalars())

    # --- proposing ------------------------------------------------------------------------------------------------

    def most_jobs(self, sweep: SweepRecord) -> MostQueued | None:
        """The most jobs of the sweep that may ever wait together; None: any number."""
        with reading(self._engine) as connection:
            return self._capacity.most(connection, sweep.owner, sweep.project_id)

    def begin(
        self, sweep: SweepRecord, generation: int, bracket: Bracket, trials: Sequence[NewTrial], *, exhausted: bool
    ) -> list[str]:
        """Store a generation and queue its jobs, all or none; their ids.

        [] when it is stored already, and when the sweep was extended since it was read: then it is to be read again.
        Raises `QueueFullError` when so many jobs may not wait, and `DatasetNotFoundError`.
        """
        try:
            with writing(self._engine) as connection:
                first = _first_number(connection, sweep, generation, len(trials), exhausted=exhausted)
                if first is None or not trials:
                    return []
                specs = [job for trial in trials for job in trial.jobs]
                shared = {} if sweep.project_id is None else {sweep.project_id: len(specs)}
                self._capacity.demand(connection, sweep.owner, len(specs), projects=shared)
                lock_datasets(connection, specs, owner=sweep.owner)
                _insert(connection, sweep, generation, bracket, first, trials)
                at = connection.execute(select(now())).scalar_one()
                jobs = _jobs(sweep, generation, bracket, first, trials, at)
                enter(connection, [columns(job) for job in jobs], actor="sweep")
        except IntegrityError:
            return []  # another controller was a moment faster
        self._capacity.taken(len(jobs))
        return [job.id for job in jobs]

    # --- results --------------------------------------------------------------------------------------------------

    def settle(self, sweep: SweepRecord, limit: int = 1_000) -> int:
        """Write how configurations ended whose jobs have all ended; how many did."""
        done = {"sweep": sweep.id, "limit": limit}
        with reading(self._engine) as connection:
            if connection.execute(_DONE, done).first() is None:
                return 0
        with writing(self._engine) as connection:
            _lock(connection, sweep)
            numbers = list(connection.execute(_DONE, done).scalars())
            if not numbers:
                return 0  # another controller was a moment faster
            fields = (Job.trial, Job.replicate, Job.status, Job.stop_reason, Job.epoch, Job.best_metrics)
            jobs: dict[int, list[Row[Any]]] = {number: [] for number in numbers}
            rows = connection.execute(
                select(*fields).where(Job.sweep_id == sweep.id, Job.trial.in_(numbers)).order_by(Job.replicate)
            )
            for row in rows:
                jobs[row.trial].append(row)
            ended = [{"ended": number, **ended_as(sweep.spec, theirs)} for number, theirs in jobs.items()]
            values: dict[str, Any] = {name: bindparam(name) for name in ended[0] if name != "ended"}
            mine = (Trial.sweep_id == sweep.id, Trial.number == bindparam("ended"))
            connection.execute(update(Trial.__table__).where(*mine).values(values), ended)  # type: ignore[arg-type]
            count_open(connection, sweep.id, Generation.open_trials > 0)
        return len(numbers)

    def finish(self, sweep: SweepRecord) -> bool:
        """End a sweep that proposes nothing more and whose configurations have all ended.

        One in which no configuration has a score says why the first one failed.
        """
        ready = and_(Sweep.id == sweep.id, Sweep.state == SweepState.running.value, Sweep.exhausted, ~_has_open_trials)
        return self._end(sweep, ready, SweepState.finished, self._nothing_found(sweep.id))

    def _nothing_found(self, sweep_id: str) -> str | None:
        scored = select(Trial.number).where(Trial.sweep_id == sweep_id, Trial.score.is_not(None)).limit(1)
        failed = (
            select(Job.trial, Job.failure_message)
            .where(Job.sweep_id == sweep_id, Job.status == JobStatus.failed.value)
            .order_by(Job.trial, Job.replicate)
            .limit(1)
        )
        with reading(self._engine) as connection:
            if connection.execute(scored).first() is not None:
                return None
            first = connection.execute(failed).first()
        return NOTHING_FOUND if first is None else f"{NOTHING_FOUND} #{first.trial} failed: {first.failure_message}"

    def wait(self, sweep: SweepRecord, why: str) -> None:
        """Say why a sweep cannot go on now, until its next generation begins."""
        with writing(self._engine) as connection:
            mine = (Sweep.id == sweep.id, Sweep.state == SweepState.running.value)
            connection.execute(update(Sweep).where(*mine).values(message=why))

    def fail(self, sweep: SweepRecord, message: str) -> bool:
        """End a sweep that cannot go on."""
        running = and_(Sweep.id == sweep.id, Sweep.state == SweepState.running.value)
        return self._end(sweep, running, SweepState.failed, message)

    def release(self, sweep: SweepRecord) -> bool:
        """Leave a sweep that was cancelled or failed, unless one of its configurations has not ended.

        It has ended now, not when its jobs were asked to: what was read of it before is told by its time from what is
        read now.
        """
        ready = and_(Sweep.id == sweep.id, _ended_early, ~_has_open_trials)
        with writing(self._engine) as connection:
            left = update(Sweep).where(ready).values(controller=None, mirrored=False, finished_at=now())
            return connection.execute(left.returning(Sweep.id)).first() is not None

    def _end(self, sweep: SweepRecord, which: Any, state: SweepState, message: str | None) -> bool:
        with writing(self._engine) as connection:
            _lock(connection, sweep)
            ended = (
                update(Sweep).where(which).values(state=state.value, message=message, finished_at=now(), mirrored=False)
            )
            return connection.execute(ended.returning(Sweep.id)).first() is not None


def _first_number(
    connection: Connection, sweep: SweepRecord, generation: int, trials: int, *, exhausted: bool
) -> int | None:
    """Count a generation of so many configurations, and the number of its first.

    None when it is stored already, when the sweep no longer runs, and when it was extended since it was read.
    """
    asked = sweep.spec.model_dump(mode="json", exclude_unset=True, include={"trials"})
    known = select(Sweep.spec).where(Sweep.id == sweep.id).with_for_update(key_share=True)
    if connection.execute(known).scalar_one().get("trials") != asked.get("trials"):
        return None
    mine = (Sweep.id == sweep.id, Sweep.state == SweepState.running.value, Sweep.generations == generation)
    counted = (
        update(Sweep)
        .where(*mine)
        .values(generations=generation + bool(trials), trials=Sweep.trials + trials, exhausted=exhausted, message=None)
        .returning(Sweep.trials)
    )
    total = connection.execute(counted).scalar()
    return None if total is None else total - trials


def _insert(
    connection: Connection,
    sweep: SweepRecord,
    generation: int,
    bracket: Bracket,
    first: int,
    trials: Sequence[NewTrial],
) -> None:
    """Write a generation and its configurations, whose numbers begin with `first`."""
    rule = bracket.model_dump(mode="json")
    new = insert(Generation).values(sweep_id=sweep.id, number=generation, bracket=rule, open_trials=len(trials))
    connection.execute(new)
    same = {"sweep_id": sweep.id, "generation": generation, "state": TrialState.open.value}
    rows = [
        {**same, "number": number, "configuration": trial.configuration, "digest": trial.digest}
        for number, trial in enumerate(trials, first)
    ]
    connection.execute(insert(Trial), rows)


def _jobs(
    sweep: SweepRecord, generation: int, bracket: Bracket, first: int, trials: Sequence[NewTrial], at: datetime
) -> list[JobRecord]:
    """The jobs of new configurations, whose numbers begin with `first`.

    Jobs of a bracket are claimed together: their pack key is the bracket's. So are those of Hyperband's that has no
    rungs: its jobs train the longest, and so begin with the other brackets, not after them.
    """
    is_bracket = bracket.rungs or isinstance(sweep.spec.halving, Hyperband)
    together = {"pack_key": bracket_key(sweep.id, generation)} if is_bracket else {}
    of = {"project_id": sweep.project_id, "sweep_id": sweep.id, **together}
    return [
        new_job(job, sweep.owner, at, trial=number, replicate=replicate, **of)
        for number, trial in enumerate(trials, first)
        for replicate, job in enumerate(trial.jobs)
    ]


def _lock(connection: Connection, sweep: SweepRecord) -> None:
    """Let nobody change the sweep until this transaction ends: a retry opens configurations again."""
    connection.execute(select(Sweep.id).where(Sweep.id == sweep.id).with_for_update(key_share=True))
