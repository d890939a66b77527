"""The states of jobs: the only code that writes them.

A state changes by one guarded UPDATE, with one event in the same transaction. Every change is checked against
`spec.states.TRANSITIONS` before it reaches the database.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    SQLColumnExpression,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from spec.states import FINISHED, TRANSITIONS, JobStatus

from .db import in_values, now, plan_anew, shared_alias
from .errors import ForbiddenTransitionError
from .tables import Job, JobEvent
from .tally import count_ends

# SQLAlchemy takes longer to make an alias than to use it, so these are made once.
_last, _other = shared_alias(JobEvent), shared_alias(JobEvent)
_latest = select(func.max(_other.seq)).where(_other.job_id == Job.id).scalar_subquery()


@dataclass(frozen=True)
class Transition:
    """Jobs in one of the states `sources` that meet the condition `when` become `to`.

    Raises `ForbiddenTransitionError` when `TRANSITIONS` does not allow it.
    """

    sources: tuple[JobStatus, ...]
    to: JobStatus
    when: ColumnElement[bool] = field(default_factory=true)

    def __post_init__(self) -> None:
        for source in self.sources:
            if self.to not in TRANSITIONS[source]:
                raise ForbiddenTransitionError(source.value, self.to.value)

    @property
    def applies(self) -> ColumnElement[bool]:
        """Whether a row makes this change."""
        return and_(Job.status.in_([source.value for source in self.sources]), self.when)


def move(
    connection: Connection,
    *guard: ColumnElement[bool],
    transitions: Sequence[Transition],
    actor: str,
    reason: str,
    values: Mapping[str, Any],
    without_move: ColumnElement[bool] | None = None,
    returning: Sequence[SQLColumnExpression[Any]] = (),
) -> list[Row[Any]]:
    """Change the state of the jobs that pass `guard`: each makes the first of `transitions` that applies to it.

    One UPDATE writes the states and `values`, and one INSERT the events. Jobs that meet `without_move` get the values
    and keep their state, without an event: a control request of a running job is written in the same statement that
    would cancel it if it were waiting, so that it cannot be lost in between.
    Answers the rows that changed state: `id`, `status` (the new one) and the columns `returning`.
    """
    targets = {transition.to.value for transition in transitions}
    applies = [transition.applies for transition in transitions]
    branches = zip(applies, (transition.to.value for transition in transitions), strict=True)
    status = case(*branches, else_=Job.status)
    touched = or_(*applies) if without_move is None else or_(*applies, without_move)
    rows = connection.execute(
        update(Job)
        .where(*guard, touched)
        .values(status=status, updated_at=now(), **values)
        .returning(Job.id, Job.status, *returning)
    ).all()
    moved = [row for row in rows if row.status in targets]
    log_event(connection, [row.id for row in moved], actor=actor, reason=reason)
    if ended := [row.id for row in moved if row.status in FINISHED]:
        count_ends(connection, ended)
    return moved


MANY = 500
"""With so many new jobs at once, PostgreSQL plans their checks anew: it takes a millisecond."""


def enter(connection: Connection, rows: Sequence[Mapping[str, Any]], *, actor: str) -> None:
    """Write new jobs, which are `queued`, with their first events."""
    if len(rows) >= MANY:
        plan_anew(connection)
    connection.execute(insert(Job), [{**row, "status": JobStatus.queued.value} for row in rows])
    log_event(connection, [row["id"] for row in rows], actor=actor, reason="submitted")


def log_event(connection: Connection, ids: Collection[str], *, actor: str, reason: str) -> None:
    """Write an event for each of these jobs, which changed in this transaction; the last event has the old state."""
    if not ids:
        return
    connection.execute(
        insert(JobEvent).from_select(
            ["job_id", "seq", "at", "from_status", "to_status", "attempt", "actor", "reason"],
            select(
                Job.id,
                func.coalesce(_last.seq, 0) + 1,
                now(),
                _last.to_status,
                Job.status,
                Job.attempt,
                literal(actor),
                literal(clean(reason)),
            )
            .outerjoin(_last, and_(_last.job_id == Job.id, _last.seq == _latest))
            .where(in_values(connection, Job.id, ids)),
        )
    )


def clean(text: str) -> str:
    """The text without characters that a database refuses."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
