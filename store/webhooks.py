"""Webhooks and their messages: what ended is found in the record, so that no job's end pays for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils import uuid7

from spec.states import SweepState
from spec.webhooks import Message

from .db import OVERLAP, lock, now, reading, writing
from .posting import Answer, new_secret
from .tables import Delivery, Job, Membership, Project, Sweep, User, Webhook
from .transitions import clean

LOOKED_S = 60.0
"""After so long without an end, a webhook's position moves on."""
AT_ONCE = 500
"""Most messages that are written at once for a webhook."""
LEASE_S = 60.0
"""A message that was taken is tried again after so long, if nobody said what came of it."""
RETRIES_S = (5.0, 60.0, 600.0, 3_600.0, 21_600.0)
"""Pauses after each failure; after one more, a message is given up."""
HOLD_S = 60.0
"""Most seconds for which a failure holds back the other messages to the same receiver."""
FAILING_S = 5 * 86_400.0
"""A webhook whose messages have all failed for so long is disabled."""
KEPT_S = 7 * 86_400.0


class DeliveryState(StrEnum):
    """A fact about a message."""

    waiting = "waiting"
    arrived = "arrived"
    given_up = "given_up"


@dataclass(frozen=True, kw_only=True)
class WebhookRecord:
    """A webhook, with what became of its messages."""

    id: str
    owner: str
    project: str | None
    url: str
    secret: str
    created_at: datetime
    disabled_at: datetime | None
    last_error: str | None
    waiting: int
    given_up: int


@dataclass(frozen=True, kw_only=True)
class Due:
    """A message to be sent now."""

    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    tries: int
    """This one included."""


class WebhookStore:
    """The webhooks. Methods act for `user`: its own, and those of projects it administers; None: for everybody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, *, owner: str, url: str, project_id: str | None = None) -> WebhookRecord:
        """Make a webhook, which is told of what ends from now on."""
        made = {"id": str(uuid7()), "owner": owner, "project_id": project_id, "url": url, "secret": new_secret()}
        with writing(self._engine) as connection:
            connection.execute(insert(Webhook).values(made))
        return self.listed(user=None, webhook_id=made["id"])[0]

    def listed(self, *, user: str | None, webhook_id: str | None = None) -> list[WebhookRecord]:
        """The webhooks, newest first."""
        counts = (
            select(
                Delivery.webhook_id,
                func.sum(case((Delivery.state == DeliveryState.waiting.value, 1), else_=0)).label("waiting"),
                func.sum(case((Delivery.state == DeliveryState.given_up.value, 1), else_=0)).label("given_up"),
            )
            .group_by(Delivery.webhook_id)
            .subquery()
        )
        query = (
            select(Webhook.__table__, Project.name.label("project"), counts.c.waiting, counts.c.given_up)
            .outerjoin(Project, Project.id == Webhook.project_id)
            .outerjoin(counts, counts.c.webhook_id == Webhook.id)
            .where(*_of(user))
            .order_by(Webhook.id.desc())
        )
        if webhook_id is not None:
            query = query.where(Webhook.id == webhook_id)
        with reading(self._engine) as connection:
            return [
                WebhookRecord(
                    **{name: getattr(row, name) for name in ("id", "owner", "project", "url", "secret")},
                    **{name: getattr(row, name) for name in ("created_at", "disabled_at", "last_error")},
                    waiting=int(row.waiting or 0),
                    given_up=int(row.given_up or 0),
                )
                for row in connection.execute(query)
            ]

    def remove(self, webhook_id: str, *, user: str | None) -> bool:
        """Delete a webhook with its messages; whether there was one."""
        with writing(self._engine) as connection:
            return connection.execute(delete(Webhook).where(Webhook.id == webhook_id, *_of(user))).rowcount > 0


class Outbox:
    """The messages: written for what has ended, taken by a sender, and marked with what came of them."""

    def __init__(self, engine: Engine, public_url: str = "") -> None:
        self._engine, self._public_url = engine, public_url.rstrip("/")

    def fill(self) -> int:
        """Write the messages for what has ended; how many. Without a webhook, it costs one read of an empty table."""
        with reading(self._engine) as connection:
            at: datetime = connection.execute(select(now())).scalar_one()
            hooks = connection.execute(select(Webhook.__table__).where(Webhook.disabled_at.is_(None), _let_in())).all()
            found = [(hook, self._messages(connection, hook)) for hook in hooks]
        moved = [
            (hook, messages)
            for hook, messages in found
            if messages or at - hook.looked_at > timedelta(seconds=LOOKED_S)
        ]
        if not moved:
            return 0
        with writing(self._engine) as connection:
            lock(connection, "webhooks")
            written = 0
            ids = [hook.id for hook, _ in moved]
            left = set(connection.execute(select(Webhook.id).where(Webhook.id.in_(ids)).with_for_update()).scalars())
            for hook, messages in moved:
                if hook.id not in left:  # it was removed meanwhile
                    continue
                if messages:
                    written += len(connection.execute(_new(connection, messages)).all())
                if len(messages) < AT_ONCE:
                    connection.execute(update(Webhook).where(Webhook.id == hook.id).values(looked_at=at))
            old = Delivery.state != DeliveryState.waiting.value, Delivery.due_at < now(-KEPT_S)
            connection.execute(delete(Delivery).where(*old))
        return written

    def take(self, most: int) -> list[Due]:
        """Messages that are due, one for each webhook; nobody else takes them for `LEASE_S`."""
        heard = Delivery.webhook_id.in_(select(Webhook.id).where(_let_in()))
        due = and_(Delivery.state == DeliveryState.waiting.value, Delivery.due_at <= now(), heard)
        with reading(self._engine) as connection:
            if connection.execute(select(Delivery.id).where(due).limit(1)).first() is None:
                return []
        firsts = select(func.min(Delivery.id)).where(due).group_by(Delivery.webhook_id).limit(most)
        with writing(self._engine) as connection:
            lock(connection, "webhooks")
            ids = list(connection.execute(firsts).scalars())
            taken = {"tries": Delivery.tries + 1, "due_at": now(LEASE_S)}
            connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(taken))
            columns = Delivery.id, Delivery.webhook_id, Delivery.body, Delivery.tries, Webhook.url, Webhook.secret
            rows = connection.execute(select(*columns).join(Webhook).where(Delivery.id.in_(ids))).all()
        return [Due(**row._mapping) for row in rows]

    def mark(self, due: Due, answer: Answer) -> None:
        """Write down what came of a try: it arrived, it is tried again later, or it is given up."""
        hook = update(Webhook).where(Webhook.id == due.webhook_id)
        mine = update(Delivery).where(Delivery.id == due.id)
        with writing(self._engine) as connection:
            if answer.arrived:
                connection.execute(mine.values(state=DeliveryState.arrived.value, due_at=now()))
                connection.execute(hook.values(failing_since=None, last_error=None))
                return
            since = func.coalesce(Webhook.failing_since, now())
            connection.execute(hook.values(failing_since=since, last_error=clean(answer.detail)))
            waits = Delivery.webhook_id == due.webhook_id, Delivery.state == DeliveryState.waiting.value
            ended = hook.where(Webhook.failing_since < now(-FAILING_S), Webhook.disabled_at.is_(None))
            if connection.execute(ended.values(disabled_at=now())).rowcount:
                connection.execute(update(Delivery).where(*waits).values(state=DeliveryState.given_up.value))
            elif due.tries > len(RETRIES_S):
                connection.execute(mine.values(state=DeliveryState.given_up.value, due_at=now()))
            else:
                pause_s = RETRIES_S[due.tries - 1]
                connection.execute(mine.values(due_at=now(pause_s)))
                held = now(min(pause_s, HOLD_S))
                connection.execute(update(Delivery).where(*waits, Delivery.due_at < held).values(due_at=held))

    def _messages(self, connection: Connection, hook: Any) -> list[dict[str, Any]]:
        """The messages about what has ended since this webhook was looked at; a sweep's jobs are told as the sweep."""
        jobs = _ended(Job, hook).where(Job.sweep_id.is_(None))
        rows = [("job.ended", row, self._job(row)) for row in connection.execute(jobs)]
        # One that was cancelled or failed ends when its controller leaves it, which says when that was.
        left = or_(Sweep.state == SweepState.finished.value, Sweep.controller.is_(None))
        sweeps = _ended(Sweep, hook).where(left)
        rows += [("sweep.ended", row, self._sweep(row)) for row in connection.execute(sweeps)]
        return [
            {
                "id": str(uuid7()),
                "webhook_id": hook.id,
                "subject_id": row.id,
                "ended_at": row.finished_at,
                "body": Message(type=kind, timestamp=row.finished_at, data=data).model_dump_json(),
                "state": DeliveryState.waiting.value,
                "due_at": row.finished_at,
            }
            for kind, row, data in sorted(rows, key=lambda one: one[1].finished_at)[:AT_ONCE]
        ]

    def _job(self, row: Any) -> dict[str, Any]:
        names = "id", "owner", "name", "project", "status", "stop_reason", "failure_reason", "failure_message"
        best = {"epoch": row.best_epoch, "metrics": row.best_metrics or {}}
        return {name: getattr(row, name) for name in names} | {"best": best, "url": self._url("jobs", row.id)}

    def _sweep(self, row: Any) -> dict[str, Any]:
        named = {"id": row.id, "owner": row.owner, "name": row.name, "project": row.spec["base"].get("project")}
        rest = {"status": row.state, "failure_message": row.message}
        return named | rest | {"url": self._url("sweeps", row.id)}

    def _url(self, place: str, subject_id: str) -> str | None:
        return f"{self._public_url}/#/{place}/{subject_id}" if self._public_url else None


def _let_in() -> ColumnElement[bool]:
    """Webhooks whose owner is not locked out, and still administers the project whose ends it hears.

    What ends meanwhile is told when the owner is let in again.
    """
    mine = Membership.project_id == Webhook.project_id, Membership.user == Webhook.owner, Membership.role == "admin"
    administers = or_(
        Webhook.project_id.is_(None),
        select(Membership.user).where(*mine).exists(),
        Webhook.owner.in_(select(User.name).where(User.role == "admin")),
    )
    return and_(Webhook.owner.not_in(select(User.name).where(User.active.is_(False))), administers)


def _of(user: str | None) -> Sequence[Any]:
    """What a user manages: its own webhooks, and those of the projects that it administers."""
    if user is None:
        return ()
    manages = select(Membership.project_id).where(Membership.user == user, Membership.role == "admin")
    return (or_(and_(Webhook.owner == user, Webhook.project_id.is_(None)), Webhook.project_id.in_(manages)),)


def _ended(kind: type[Job] | type[Sweep], hook: Any) -> Select[Any]:
    """The rows that ended since this webhook was looked at, and that have no message."""
    whose = kind.owner == hook.owner if hook.project_id is None else kind.project_id == hook.project_id
    told = select(Delivery.id).where(
        Delivery.webhook_id == hook.id, Delivery.subject_id == kind.id, Delivery.ended_at == kind.finished_at
    )
    since = max(hook.looked_at - OVERLAP, hook.created_at)
    ended = select(kind.__table__).where(kind.finished_at > since, whose, ~told.exists())
    return ended.order_by(kind.finished_at).limit(AT_ONCE)


def _new(connection: Connection, messages: list[dict[str, Any]]) -> Any:
    """The statement that writes messages, and answers them; one that another sender has written stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(Delivery).values(messages).on_conflict_do_nothing().returning(Delivery.id)
