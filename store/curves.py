"""The curves: points of jobs by epoch, stored in chunks as they arrive."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Double,
    Integer,
    Row,
    String,
    and_,
    delete,
    insert,
    not_,
    null,
    or_,
    select,
    tuple_,
    update,
)

from spec.views import Curve

from .db import now, shared_alias, values_table
from .records import Progress
from .tables import Checkpoint, CurveChunk, Job

BEAT_S = 1.0
"""Seconds between two heartbeats of a worker, each of which brings the points since the one before."""

# SQLAlchemy takes longer to make an alias than to use it, so this is made once.
_stored = shared_alias(CurveChunk)
_Columns = dict[str, Any]
_Chunk = Row[int, _Columns] | tuple[int, _Columns]
_chunk = tuple_(CurveChunk.job_id, CurveChunk.attempt, CurveChunk.first_epoch)


def read_curve(connection: Connection, job_id: str, *, after_epoch: int = 0, upto: int | None = None) -> Curve:
    """The curve's columns from the epoch after `after_epoch`, each epoch once and in order."""
    query = select(CurveChunk.attempt, CurveChunk.columns).where(
        CurveChunk.job_id == job_id, CurveChunk.last_epoch > after_epoch
    )
    if upto is not None:
        query = query.where(CurveChunk.first_epoch <= upto)
    chunks = connection.execute(query.order_by(CurveChunk.attempt, CurveChunk.first_epoch))
    return _joined(chunks, after_epoch, upto)


def read_seconds(connection: Connection, job_id: str, epochs: Sequence[float | None]) -> list[float | None]:
    """When the record got these epochs of a job, in seconds since it first started.

    Points come with a heartbeat: those that came together are spread over the time since the one before, or over the
    last second of it where the job did not train all that time.
    """
    chunks = connection.execute(
        select(CurveChunk.attempt, CurveChunk.first_epoch, CurveChunk.last_epoch, CurveChunk.at, Job.started_at)
        .join(Job, Job.id == CurveChunk.job_id)
        .where(CurveChunk.job_id == job_id)
        .order_by(CurveChunk.attempt, CurveChunk.first_epoch)
    )
    parts: list[tuple[int, int, float, float]] = []  # first and last epoch, begin and end
    newest = None
    for attempt, first, last, at, started_at in chunks:
        while parts and parts[-1][0] >= first:
            parts.pop()
        before, end = parts[-1][3] if parts else 0.0, (at - (started_at or at)).total_seconds()
        begin = before if attempt == newest else max(before, end - BEAT_S)
        parts.append((first, last, begin, max(begin, end)))
        newest = attempt
    return [None if epoch is None else _second_of(epoch, parts) for epoch in epochs]


def _second_of(epoch: float, parts: Sequence[tuple[int, int, float, float]]) -> float | None:
    place = bisect_right(parts, epoch, key=lambda part: part[0]) - 1
    if place < 0:
        return None
    first, last, begin, end = parts[place]
    return round(begin + (end - begin) * min((epoch - first + 1) / (last - first + 1), 1.0), 3)


def read_columns(
    connection: Connection,
    sweep_id: str,
    trials: Sequence[int],
    metric: str,
    *,
    replicates: int | None = None,
    upto: int | None = None,
) -> dict[int, list[list[float | None]]]:
    """One metric of the jobs of these configurations, epoch by epoch, in order of their seeds or folds.

    So many jobs of each are read, and their epochs up to `upto`.
    """
    query = (
        select(
            Job.trial,
            Job.replicate,
            CurveChunk.attempt,
            CurveChunk.columns["epoch"].label("epoch"),
            CurveChunk.columns[metric].label("metric"),
        )
        .join(Job, Job.id == CurveChunk.job_id)
        .where(Job.sweep_id == sweep_id, Job.trial.in_(trials))
        .order_by(Job.trial, Job.replicate, CurveChunk.attempt, CurveChunk.first_epoch)
    )
    if upto is not None:
        query = query.where(CurveChunk.first_epoch <= upto)
    if replicates is not None:
        query = query.where(Job.replicate < replicates)
    found: dict[int, list[list[float | None]]] = {trial: [] for trial in trials}
    for (trial, _), rows in groupby(connection.execute(query), key=lambda row: (row.trial, row.replicate)):
        chunks = [(row.attempt, {"epoch": row.epoch, metric: row.metric or [None] * len(row.epoch)}) for row in rows]
        found[trial].append(_joined(chunks, 0, upto).get(metric, []))
    return found


def append_points(connection: Connection, news: Sequence[Progress]) -> None:
    """Store the new points of jobs whose fence was checked in this transaction."""
    rows = [
        {
            "job_id": progress.job_id,
            "attempt": progress.attempt,
            "first_epoch": epochs[0],
            "last_epoch": epochs[-1],
            "points": progress.points,
            "metrics": {name: column[-1] for name, column in progress.points.items() if name != "epoch"},
            "epochs_per_s": progress.epochs_per_s,
        }
        for progress in news
        if (epochs := progress.points.get("epoch"))
    ]
    if not rows:
        return
    new = values_table(
        connection,
        rows,
        job_id=String(),
        attempt=Integer(),
        first_epoch=Integer(),
        last_epoch=Integer(),
        points=JSON(),
        metrics=JSON(),
        epochs_per_s=Double(),
    ).c
    _void_older(connection, new)
    connection.execute(
        insert(CurveChunk).from_select(
            ["job_id", "attempt", "first_epoch", "last_epoch", "columns", "at"],
            select(new.job_id, new.attempt, new.first_epoch, new.last_epoch, new.points, now()),
        )
    )
    connection.execute(
        update(Job)
        .where(Job.id == new.job_id)
        .values(epoch=new.last_epoch, metrics=new.metrics, epochs_per_s=new.epochs_per_s, updated_at=now())
    )


def _void_older(connection: Connection, new: Any) -> None:
    """Delete the points that these new ones replace, and void the checkpoints after them.

    Epochs that are trained again replace what an older attempt stored of them and of later epochs. Progress that is
    sent twice replaces itself.
    """
    replaced = select(_stored.job_id, _stored.attempt, _stored.first_epoch).where(
        _stored.job_id == new.job_id,
        _stored.first_epoch >= new.first_epoch,
        or_(
            _stored.attempt < new.attempt,
            and_(_stored.attempt == new.attempt, _stored.first_epoch <= new.last_epoch),
        ),
    )
    connection.execute(delete(CurveChunk).where(_chunk.in_(replaced)))
    # A job may have begun before its newest checkpoint, because that could not be read at the time: it must not
    # continue from it later, over a gap.
    later = and_(Checkpoint.job_id == new.job_id, Checkpoint.attempt < new.attempt, Checkpoint.epoch >= new.first_epoch)
    connection.execute(update(Checkpoint).where(later, not_(Checkpoint.void)).values(void=True))


def rewind(connection: Connection, epochs: Mapping[str, int]) -> None:
    """Delete the points of these jobs after these epochs, which are about to be trained again."""
    if not epochs:
        return
    rows = [{"job_id": job_id, "epoch": epoch} for job_id, epoch in epochs.items()]
    again = values_table(connection, rows, job_id=String(), epoch=Integer()).c
    void = select(_stored.job_id, _stored.attempt, _stored.first_epoch).where(
        _stored.job_id == again.job_id, _stored.first_epoch > again.epoch
    )
    connection.execute(delete(CurveChunk).where(_chunk.in_(void)))
    reaching_over = connection.execute(
        select(CurveChunk.__table__, again.epoch).where(
            CurveChunk.job_id == again.job_id, CurveChunk.last_epoch > again.epoch
        )
    ).all()
    for row in reaching_over:
        left = sum(epoch <= row.epoch for epoch in row.columns["epoch"])
        connection.execute(
            update(CurveChunk)
            .where(_chunk == tuple_(row.job_id, row.attempt, row.first_epoch))
            .values(last_epoch=row.epoch, columns={name: column[:left] for name, column in row.columns.items()})
        )
    connection.execute(
        update(Job)
        .where(Job.id == again.job_id, Job.epoch > again.epoch)
        .values(epoch=again.epoch, metrics=null(), epochs_per_s=None)
    )


def _joined(chunks: Iterable[_Chunk], after_epoch: int, upto: int | None) -> Curve:
    """Chunks in order of attempt and epoch as one curve, cut to the requested epochs.

    Whole columns are joined: rows of a million epochs would take nearly twice the memory.
    """
    parts: list[_Columns] = []  # in order of epochs; no two have the same
    newest = 0
    for attempt, columns in chunks:
        if attempt > newest:  # the job started again here: later epochs of older attempts are void
            newest, first = attempt, columns["epoch"][0]
            parts = [_between(part, 0, first - 1) for part in parts if part["epoch"][0] < first]
        part = _between(columns, after_epoch, upto)
        if part["epoch"]:
            after = bisect_left(parts, part["epoch"][0], key=lambda earlier: earlier["epoch"][-1])
            parts[after:] = _over(parts[after:], part)
    curve: Curve = {"epoch": list(chain.from_iterable(part["epoch"] for part in parts))}
    for name in dict.fromkeys(name for part in parts for name in part if name != "epoch"):
        curve[name] = list(chain.from_iterable(part.get(name) or [None] * len(part["epoch"]) for part in parts))
    return curve


def _between(columns: _Columns, after_epoch: int, upto: int | None) -> _Columns:
    """The epochs of a chunk after `after_epoch`, up to `upto`."""
    epochs = columns["epoch"]
    end = len(epochs) if upto is None else bisect_right(epochs, upto)
    return _slice(columns, bisect_right(epochs, after_epoch), end)


def _over(older: Sequence[_Columns], part: _Columns) -> list[_Columns]:
    """Parts and one that came later, in order of epochs: what both have is that of the later one."""
    if not older:
        return [part]
    places = {epoch: (one, at) for one in (*older, part) for at, epoch in enumerate(one["epoch"])}
    in_order = [place for _, place in sorted(places.items())]
    runs = [list(run) for _, run in groupby(in_order, key=lambda place: id(place[0]))]
    return [_slice(run[0][0], run[0][1], run[-1][1] + 1) for run in runs]


def _slice(columns: _Columns, begin: int, end: int) -> _Columns:
    return {name: column if end - begin == len(column) else column[begin:end] for name, column in columns.items()}
