"""The curves: points of jobs by epoch, stored in chunks as they arrive."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
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

from spec.views import Curve, Metrics

from .db import now, shared_alias, values_table
from .records import Progress
from .tables import Checkpoint, CurveChunk, Job

# SQLAlchemy takes longer to make an alias than to use it, so this is made once.
_stored = shared_alias(CurveChunk)
_Chunk = Row[int, dict[str, Any]] | tuple[int, dict[str, Any]]
_chunk = tuple_(CurveChunk.job_id, CurveChunk.attempt, CurveChunk.first_epoch)


def read_curve(connection: Connection, job_id: str, *, after_epoch: int = 0, upto: int | None = None) -> Curve:
    """The curve's columns from the epoch after `after_epoch`, each epoch once and in order."""
    query = select(CurveChunk.attempt, CurveChunk.columns).where(
        CurveChunk.job_id == job_id, CurveChunk.last_epoch > after_epoch
    )
    if upto is not None:
        query = query.where(CurveChunk.first_epoch <= upto)
    chunks = connection.execute(query.order_by(CurveChunk.attempt, CurveChunk.first_epoch)).all()
    return _joined(chunks, after_epoch, upto)


def read_columns(
    connection: Connection, sweep_id: str, trials: Sequence[int], metric: str
) -> dict[int, list[list[float | None]]]:
    """One metric of the jobs of these configurations, epoch by epoch, in order of their seeds or folds."""
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
    found: dict[int, list[list[float | None]]] = {trial: [] for trial in trials}
    for (trial, _), rows in groupby(connection.execute(query), key=lambda row: (row.trial, row.replicate)):
        chunks = [(row.attempt, {"epoch": row.epoch, metric: row.metric or [None] * len(row.epoch)}) for row in rows]
        found[trial].append(_joined(chunks, 0, None).get(metric, []))
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
    # Epochs that are trained again replace what an older attempt stored of them and of later epochs. Progress that is
    # sent twice replaces itself.
    void = select(_stored.job_id, _stored.attempt, _stored.first_epoch).where(
        _stored.job_id == new.job_id,
        _stored.first_epoch >= new.first_epoch,
        or_(
            _stored.attempt < new.attempt,
            and_(_stored.attempt == new.attempt, _stored.first_epoch <= new.last_epoch),
        ),
    )
    connection.execute(delete(CurveChunk).where(_chunk.in_(void)))
    # So are the checkpoints of those epochs. A job may have begun before its newest checkpoint, because that could not
    # be read at the time: it must not continue from it later, over a gap.
    connection.execute(
        update(Checkpoint)
        .where(
            Checkpoint.job_id == new.job_id,
            Checkpoint.attempt < new.attempt,
            Checkpoint.epoch >= new.first_epoch,
            not_(Checkpoint.void),
        )
        .values(void=True)
    )
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
    """Chunks in order of attempt and epoch as one curve, cut to the requested epochs."""
    by_epoch: dict[int, Metrics] = {}
    newest = 0
    for attempt, columns in chunks:
        if attempt > newest:  # the job started again here: later epochs of older attempts are void
            newest, by_epoch = attempt, {epoch: row for epoch, row in by_epoch.items() if epoch < columns["epoch"][0]}
        names = [name for name in columns if name != "epoch"]
        for position, epoch in enumerate(columns["epoch"]):
            if epoch > after_epoch and (upto is None or epoch <= upto):
                by_epoch[epoch] = {name: columns[name][position] for name in names}
    epochs = sorted(by_epoch)
    names = list(dict.fromkeys(name for epoch in epochs for name in by_epoch[epoch]))
    curve: Curve = {"epoch": [*epochs]}
    return curve | {name: [by_epoch[epoch].get(name) for epoch in epochs] for name in names}
