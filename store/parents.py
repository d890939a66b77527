"""The parent runs of sweeps in MLflow: what the tracking process reads and writes of them."""

from sqlalchemy import Engine, and_, select, text, update

from .db import reading, writing
from .mirror import mark_best
from .sweep_records import SweepRecord, sweep_record
from .tables import Job, Mirror, Sweep
from .versions import supported_rules


class ParentStore:
    """How far the mirror is with each sweep."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pending(self, limit: int = 100) -> list[SweepRecord]:
        """Sweeps whose parent run is lacking, or does not show their state, the oldest first."""
        lacking = and_(text("NOT sweep.mirrored"), supported_rules())
        query = select(Sweep.__table__).where(lacking).order_by(Sweep.id).limit(limit)
        with reading(self._engine) as connection:
            return [sweep_record(row) for row in connection.execute(query)]

    def started(self, sweep_id: str, run_id: str) -> str:
        """Remember the sweep's parent run, unless another is known; the run that is recorded now."""
        with writing(self._engine) as connection:
            first = update(Sweep).where(Sweep.id == sweep_id, Sweep.run_id.is_(None)).values(run_id=run_id)
            connection.execute(first)
            known = connection.execute(select(Sweep.run_id).where(Sweep.id == sweep_id)).scalar_one_or_none()
            return known or run_id

    def lost(self, sweep_id: str, run_id: str) -> None:
        """Forget the parent run, which MLflow does not have any more; the jobs' runs must name the next one."""
        children = Mirror.job_id.in_(select(Job.id).where(Job.sweep_id == sweep_id))
        with writing(self._engine) as connection:
            gone = update(Sweep).where(Sweep.id == sweep_id, Sweep.run_id == run_id)
            if connection.execute(gone.values(run_id=None, mirrored=False).returning(Sweep.id)).first() is not None:
                connection.execute(update(Mirror).where(children, Mirror.whole).values(whole=False, done=False))

    def sent(self, sweep: SweepRecord, best: int | None) -> bool:
        """Remember that MLflow shows the sweep as it is; False when it has changed meanwhile.

        When the sweep has ended, the runs of its `best` configuration, and of the one that was best before, are sent
        again.
        """
        ended = sweep.state.is_final
        same = Sweep.state == sweep.state.value, Sweep.finished_at.is_not_distinct_from(sweep.finished_at)
        with writing(self._engine) as connection:
            locked = select(Sweep.best).where(Sweep.id == sweep.id, *same).with_for_update()
            if (row := connection.execute(locked).first()) is None:
                return False
            values = {"mirrored": True, "best": best} if ended else {"mirrored": True}
            connection.execute(update(Sweep).where(Sweep.id == sweep.id).values(**values))
            if ended and row.best != best:
                mark_best(connection, sweep.id, [number for number in (row.best, best) if number is not None])
            return True
