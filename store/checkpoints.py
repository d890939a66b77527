"""Which checkpoints there are of running jobs, and which nobody wants any more.

A checkpoint is recorded in the transaction that proves its worker's lease, with the points up to its epoch: what the
record hands out can be gone on from without a gap. One that is void is handed out no more; its file is swept up later,
so that no file is forgotten, whoever dies when.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Integer, String, delete, func, insert, not_, select, tuple_, update
from sqlalchemy.orm import aliased

from .db import in_values, now, reading, values_table, writing
from .tables import Checkpoint

KEPT = 2
"""Checkpoints of a job: the newest, and the one before in case that cannot be read."""


@dataclass(frozen=True)
class CheckpointRecord:
    """A checkpoint in the file store."""

    epoch: int
    uri: str
    sha256: str


def keep_checkpoints(connection: Connection, new: Sequence[tuple[str, int, CheckpointRecord]]) -> None:
    """Record checkpoints, each with its job and attempt, and void those of the jobs that are too many."""
    rows = [
        {"job_id": job_id, "attempt": attempt, "epoch": one.epoch, "uri": one.uri, "sha256": one.sha256}
        for job_id, attempt, one in new
    ]
    told = values_table(
        connection, rows, job_id=String(), attempt=Integer(), epoch=Integer(), uri=String(), sha256=String()
    ).c
    key = tuple_(Checkpoint.job_id, Checkpoint.attempt, Checkpoint.epoch)
    connection.execute(delete(Checkpoint).where(key.in_(select(told.job_id, told.attempt, told.epoch))))
    connection.execute(
        insert(Checkpoint).from_select(
            ["job_id", "attempt", "epoch", "uri", "sha256", "at"],
            select(told.job_id, told.attempt, told.epoch, told.uri, told.sha256, now()),
        )
    )
    newer = aliased(Checkpoint)
    newer_ones = (
        select(func.count())
        .where(newer.job_id == Checkpoint.job_id, not_(newer.void), newer.epoch > Checkpoint.epoch)
        .correlate(Checkpoint)
        .scalar_subquery()
    )
    connection.execute(
        update(Checkpoint)
        .where(Checkpoint.job_id.in_(select(told.job_id)), not_(Checkpoint.void), newer_ones >= KEPT)
        .values(void=True)
    )


def newest_checkpoints(connection: Connection, ids: Collection[str]) -> Mapping[str, tuple[CheckpointRecord, ...]]:
    """The checkpoints of these jobs, newest first."""
    rows = connection.execute(
        select(Checkpoint.job_id, Checkpoint.epoch, Checkpoint.uri, Checkpoint.sha256)
        .where(in_values(connection, Checkpoint.job_id, ids), not_(Checkpoint.void))
        .order_by(Checkpoint.epoch.desc(), Checkpoint.attempt.desc())
    )
    found: dict[str, tuple[CheckpointRecord, ...]] = {}
    for row in rows:
        found[row.job_id] = (*found.get(row.job_id, ()), CheckpointRecord(row.epoch, row.uri, row.sha256))
    return found


def void_checkpoints(connection: Connection, ids: Collection[str], uris: Collection[str] | None = None) -> None:
    """Hand out no more checkpoints of these jobs; of `uris` only, when given."""
    if not ids:
        return
    which = [in_values(connection, Checkpoint.job_id, ids), not_(Checkpoint.void)]
    if uris is not None:
        which.append(Checkpoint.uri.in_(uris))
    connection.execute(update(Checkpoint).where(*which).values(void=True))


class CheckpointStore:
    """The void checkpoints, for whoever sweeps up their files. Any number may sweep at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stale(self, limit: int = 500) -> list[str]:
        """Addresses of files that nobody wants any more."""
        with reading(self._engine) as connection:
            return list(connection.execute(select(Checkpoint.uri).where(Checkpoint.void).limit(limit)).scalars())

    def unknown(self, uris: Sequence[str]) -> list[str]:
        """Those of these addresses that are no checkpoint of any job."""
        with reading(self._engine) as connection:
            ours = in_values(connection, Checkpoint.uri, uris)
            known = set(connection.execute(select(Checkpoint.uri).where(ours)).scalars())
        return [uri for uri in uris if uri not in known]

    def forget(self, uris: Collection[str]) -> None:
        """These files are gone."""
        with writing(self._engine) as connection:
            connection.execute(delete(Checkpoint).where(Checkpoint.void, in_values(connection, Checkpoint.uri, uris)))
