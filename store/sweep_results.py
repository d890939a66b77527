"""What sweeps have found, read from the record: how many have ended, scores, curves, tables."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, literal, select, tuple_, union_all

from spec.monitors import Monitor
from spec.population import PARENT, PREFIX, Columns
from spec.states import JobStatus, TrialState

from .curves import read_columns
from .db import reading
from .errors import SweepNotFoundError
from .sweep_records import SweepCounts, SweepRecord, TrialRecord, trial_record
from .tables import Generation, Job, Mirror, Trial

LEADERS = 10
"""The best configurations, which are compared with each other."""
MOST_NUMBER = 2**31 - 1
"""The greatest number that a column of integers holds: databases refuse to compare it with more."""

_ENDED_WELL = (TrialState.finished, TrialState.pruned)
"""The states of configurations whose jobs have all succeeded."""


class SweepResults:
    """The configurations of sweeps and their jobs, for those who read. `SweepStore` says who may see a sweep.

    Any process may call any method at any time. Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(self, sweep: SweepRecord) -> SweepCounts:
        """How many of the sweep's configurations and jobs are in each state.

        Only jobs whose configuration does not say how they ended are looked at: rows of jobs are large.
        """
        ours, unclear = Trial.sweep_id == sweep.id, [state.value for state in TrialState if state not in _ENDED_WELL]
        trials = select(literal("trial").label("what"), Trial.state, func.count(), func.sum(Trial.epochs)).where(ours)
        jobs = select(literal("job").label("what"), Job.status, func.count(), func.sum(Job.epoch)).where(
            Job.sweep_id == sweep.id, Job.trial.in_(select(Trial.number).where(ours, Trial.state.in_(unclear)))
        )
        # One statement, as a configuration that ends between two would be counted twice.
        both = union_all(trials.group_by(Trial.state), jobs.group_by(Job.status))
        by_state, by_status, epochs = dict.fromkeys(TrialState, 0), dict.fromkeys(JobStatus, 0), 0
        with reading(self._engine) as connection:
            for what, state, count, trained in connection.execute(both):
                if what == "job":
                    by_status[JobStatus(state)] = count
                else:
                    by_state[TrialState(state)] = count
                if what == "job" or state in _ENDED_WELL:
                    epochs += int(trained or 0)
        by_status[JobStatus.succeeded] += sweep.spec.replicates * sum(by_state[state] for state in _ENDED_WELL)
        return SweepCounts(by_state, by_status, epochs)

    def split(self, sweep_id: str) -> Mapping[int, int]:
        """The generations whose brackets were larger than their devices train at once, and their packs."""
        query = select(Generation.number, Generation.split).where(
            Generation.sweep_id == sweep_id, Generation.split.is_not(None)
        )
        with reading(self._engine) as connection:
            return {row.number: row.split for row in connection.execute(query.order_by(Generation.number))}

    def best(self, sweep_id: str, limit: int = LEADERS) -> list[TrialRecord]:
        """The best configurations that were not pruned, best first."""
        with reading(self._engine) as connection:
            return [trial_record(row) for row in connection.execute(_finished(sweep_id).limit(limit))]

    def best_scores(self, sweep_ids: Sequence[str]) -> Mapping[str, float]:
        """The best score of each of these sweeps that has one."""
        found = {}
        with reading(self._engine) as connection:
            for sweep_id in sweep_ids:  # one look into the index each; of all together the database reads every score
                best = connection.execute(_finished(sweep_id).with_only_columns(Trial.score).limit(1)).scalar()
                if best is not None:
                    found[sweep_id] = best
        return found

    def scored(self, sweep_id: str, limit: int) -> list[tuple[dict[str, Any], float]]:
        """The first configurations that have a score, and it."""
        query = select(Trial.configuration, Trial.score).where(Trial.sweep_id == sweep_id, Trial.score.is_not(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(Trial.number).limit(limit)).all()
        return [(configuration, score) for configuration, score in rows]

    def curves(
        self, sweep_id: str, metric: Monitor, limit: int, *, upto: int
    ) -> list[tuple[float, list[list[float | None]]]]:
        """Of the first configurations that were trained to their end: the score, and the metric of each of its jobs.

        The metric is that of the epochs up to `upto`.
        """
        with reading(self._engine) as connection:
            first = (
                select(Trial.number, Trial.score).where(*_trained_to_end(sweep_id)).order_by(Trial.number).limit(limit)
            )
            scores = {row.number: row.score for row in connection.execute(first)}
            columns = read_columns(connection, sweep_id, list(scores), metric, upto=upto)
        return [(score, columns[number]) for number, score in scores.items()]

    def population(self, sweep: SweepRecord, generation: int) -> Mapping[int, Columns]:
        """What the first jobs of a population's configurations trained with, by configuration."""
        of_generation = (Trial.sweep_id == sweep.id, Trial.generation == generation)
        with reading(self._engine) as connection:
            numbers = list(
                connection.execute(select(Trial.number).where(*of_generation).order_by(Trial.number)).scalars()
            )
            named = {PARENT: PARENT, **{name: f"{PREFIX}{name}" for name in sweep.spec.space}}
            read = {
                name: read_columns(connection, sweep.id, numbers, column, replicates=1)
                for name, column in named.items()
            }
        return {
            number: {name: columns[number][0] if columns[number] else [] for name, columns in read.items()}
            for number in numbers
        }

    def trials(
        self,
        sweep_id: str,
        *,
        after: int | None = None,
        limit: int = 50,
        by_score: bool = False,
        state: Collection[TrialState] = (),
    ) -> tuple[list[TrialRecord], int | None]:
        """Configurations in order of their numbers, or best first, and the cursor of the next page: a number.

        Best first, those without a score come last. `state`: only those in one of these.
        """
        meant = [Trial.sweep_id == sweep_id, *([Trial.state.in_([one.value for one in state])] if state else [])]
        query = select(Trial.__table__).where(*meant)
        with reading(self._engine) as connection:
            if by_score and set(state) != {TrialState.open}:  # those have no score yet
                rows = _ranked(connection, query, sweep_id, after, limit + 1)
            else:
                later = query.where(Trial.number > (-1 if after is None else after))
                rows = connection.execute(later.order_by(Trial.number).limit(limit + 1)).all()
        found = [trial_record(row) for row in rows]
        return found[:limit], found[limit - 1].number if len(found) > limit else None

    def trial(self, sweep_id: str, number: int) -> TrialRecord:
        """A configuration by its number. Raises `SweepNotFoundError`."""
        with reading(self._engine) as connection:
            query = select(Trial.__table__).where(Trial.sweep_id == sweep_id, Trial.number == number)
            row = connection.execute(query).first() if number <= MOST_NUMBER else None
        if row is None:
            raise SweepNotFoundError(
                f"The sweep has no configuration {number}: list its trials to see which there are."
            )
        return trial_record(row)

    def table(self, sweep_id: str) -> list[TrialRecord]:
        """All configurations, in order of their numbers."""
        query = select(Trial.__table__).where(Trial.sweep_id == sweep_id).order_by(Trial.number)
        with reading(self._engine) as connection:
            return [trial_record(row) for row in connection.execute(query)]

    def largest_generation(self, sweep_id: str) -> int:
        """The most configurations that were proposed at a time; 0: none was."""
        sizes = select(func.count().label("size")).where(Trial.sweep_id == sweep_id).group_by(Trial.generation)
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.max(sizes.subquery().c.size))).scalar() or 0)

    def columns(self, sweep_id: str, limit: int) -> dict[str, list[Any]]:
        """The first configurations, in order of their numbers: what charts need of them, each field as a column."""
        names = ("number", "generation", "state", "score", "deviation", "epochs", "configuration")
        query = select(*(getattr(Trial, name) for name in names)).where(Trial.sweep_id == sweep_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(Trial.number).limit(limit)).all()
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def jobs_of(self, sweep_id: str, numbers: Sequence[int]) -> Mapping[int, list[Any]]:
        """The jobs of these configurations, in order of their seeds or folds.

        Rows of id, replicate, status, stop_reason, epoch, best_epoch and best_metrics.
        """
        fields = (Job.trial, Job.id, Job.replicate, Job.status, Job.stop_reason, Job.epoch)
        query = (
            select(*fields, Job.best_epoch, Job.best_metrics)
            .where(Job.sweep_id == sweep_id, Job.trial.in_(numbers))
            .order_by(Job.trial, Job.replicate)
        )
        found: dict[int, list[Any]] = {number: [] for number in numbers}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                found[row.trial].append(row)
        return found

    def experiment_id(self, jobs: Sequence[str]) -> str | None:
        """The experiment in MLflow of a sweep, some of whose jobs these are; None while none of them has a run."""
        query = select(Mirror.experiment_id).where(Mirror.job_id.in_(jobs), Mirror.experiment_id.is_not(None)).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()


def _trained_to_end(sweep_id: str) -> tuple[ColumnElement[bool], ...]:
    return Trial.sweep_id == sweep_id, Trial.score.is_not(None), Trial.state == TrialState.finished.value


def _finished(sweep_id: str) -> Select[Any]:
    """The configurations that were trained to their end, best first."""
    return select(Trial.__table__).where(*_trained_to_end(sweep_id)).order_by(Trial.score, Trial.number)


def _ranked(
    connection: Connection, query: Select[Any], sweep_id: str, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    """Configurations, best first, and then those without a score: two queries, each in the order of an index."""
    scored = query.where(Trial.score.is_not(None)).order_by(Trial.score, Trial.number)
    others = query.where(Trial.score.is_(None)).order_by(Trial.number)
    if after is not None:
        place = select(Trial.score).where(Trial.sweep_id == sweep_id, Trial.number == after)
        score = connection.execute(place).scalar()
        if score is None:
            return connection.execute(others.where(Trial.number > after).limit(limit)).all()
        scored = scored.where(tuple_(Trial.score, Trial.number) > tuple_(score, after))
    found = connection.execute(scored.limit(limit)).all()
    return [*found, *connection.execute(others.limit(limit - len(found)))] if len(found) < limit else found
