"""The checkpoints of running jobs, and the void ones, whose files are to be deleted.

A checkpoint is recorded in the transaction that proves its worker's lease, with the points up to its epoch: a job can
continue from what the record hands out without a gap in its curve. A void checkpoint is not handed out any more. Its
row stays until its file is deleted, so no file is forgotten, whichever process dies.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Integer, String, delete, func, insert, not_, select, tuple_, update
from sqlalchemy.orm import aliased

from .db import in_values, now, reading, values_table, writing
from .tables import Checkpoint

KEPT = 2
"""How many checkpoints a job has: the newest, and the one before it in case the newest cannot be read."""


@dataclass(frozen=True)
class CheckpointRecord:
    """A checkpoint in the file store."""

    epoch: int
    uri: str
    sha256: str


def keep_checkpoints(connection: Connection, new: Sequence[tuple[str, int, CheckpointRecord]]) -> None:
    """Record checkpoints, each with its job and attempt, and void the oldest of a job that has too many."""
    rows = [
        {"job_id": job_id, "attempt": attempt, "epoch": one.epoch, "uri": one.uri, "sha256": one.sha256}
        for job_id, attempt, one in new
    ]
    sent = values_table(
        connection, rows, job_id=String(), attempt=Integer(), epoch=Integer(), uri=String(), sha256=String()
    ).c
    key = tuple_(Checkpoint.job_id, Checkpoint.attempt, Checkpoint.epoch)
    connection.execute(delete(Checkpoint).where(key.in_(select(sent.job_id, sent.attempt, sent.epoch))))
    connection.execute(
        insert(Checkpoint).from_select(
            ["job_id", "attempt", "epoch", "uri", "sha256", "at"],
            select(sent.job_id, sent.attempt, sent.epoch, sent.uri, sent.sha256, now()),
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
        .where(Checkpoint.job_id.in_(select(sent.job_id)), not_(Checkpoint.void), newer_ones >= KEPT)
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
    """Void the checkpoints of these jobs; when `uris` are given, only those at these addresses."""
    if not ids:
        return
    which = [in_values(connection, Checkpoint.job_id, ids), not_(Checkpoint.void)]
    if uris is not None:
        which.append(Checkpoint.uri.in_(uris))
    connection.execute(update(Checkpoint).where(*which).values(void=True))


class CheckpointStore:
    """The void checkpoints, for the sweeper, which deletes their files. Any number of sweepers may run at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stale(self, limit: int = 500) -> list[str]:
        """Addresses of the files of void checkpoints."""
        void = select(Checkpoint.uri).where(Checkpoint.void).order_by(Checkpoint.uri).limit(limit)
        with reading(self._engine) as connection:
            return list(connection.execute(void).scalars())

    def unknown(self, uris: Sequence[str]) -> list[str]:
        """The addresses among these that belong to no checkpoint of any job."""
        with reading(self._engine) as connection:
            ours = in_values(connection, Checkpoint.uri, uris)
            known = set(connection.execute(select(Checkpoint.uri).where(ours)).scalars())
        return [uri for uri in uris if uri not in known]

    def forget(self, uris: Collection[str]) -> None:
        """Delete the rows of void checkpoints, after their files."""
        with writing(self._engine) as connection:
            connection.execute(delete(Checkpoint).where(Checkpoint.void, in_values(connection, Checkpoint.uri, uris)))
