"""Bearer tokens: shown once, kept as a digest."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Insert, delete, exists, func, insert, not_, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from uuid_utils import uuid7

from spec.access import Role, TokenView

from .db import lock, now, reading, shared_alias, writing
from .errors import ClassroomFullError
from .states import has_ended
from .tables import Job, Membership, Token, User
from .users import ensure_user

PREFIX = "epo_"
SESSION_PREFIX = "eps_"
SESSION_S = 12 * 3600
"""How long a browser stays signed in."""
SCOPES = ("jobs:read", "jobs:write", "admin")
METRICS_READ = "metrics:read"
"""The scope of a token for Prometheus: it reads /metrics, and nothing else."""
CLASSROOM = "classroom"
"""The scope of a token that lets guests in, and does nothing else."""
GUEST = "guest"
"""The scope of a guest's session: to train and steer jobs, and nothing else that changes something."""
CLASSROOM_PREFIX = "epc_"

_opener, _opened_by = shared_alias(Token), shared_alias(User)


@dataclass(frozen=True)
class TokenRecord:
    """The owner of a token, and what it allows."""

    id: str
    owner: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    role: Role = Role.member
    projects: Mapping[str, Role] = field(default_factory=dict)
    """The owner's role in each project that it is a member of, by the project's id."""


class TokenStore:
    """The tokens. They hold 256 random bits, so a plain SHA-256 of each is enough to keep."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        *,
        owner: str,
        scopes: Sequence[str] = SCOPES[:2],
        name: str | None = None,
        lasts_s: float | None = None,
    ) -> str:
        """Make a token that holds so long, or for ever; its plain text, which is not stored.

        An owner that nobody has made becomes a user: an administrator with the scope admin, else a member.
        """
        plaintext = PREFIX + secrets.token_urlsafe(32)
        self._insert(plaintext, owner, scopes, name=name, lasts_s=lasts_s)
        return plaintext

    def open_session(self, token: TokenRecord) -> str:
        """Make a token for a browser, which ends after `SESSION_S` and with the token that was shown for it.

        What has expired of other sessions is deleted.
        """
        plaintext = SESSION_PREFIX + secrets.token_urlsafe(32)
        with writing(self._engine) as connection:
            _drop_expired(connection)
            ends = connection.execute(select(now(SESSION_S))).scalar_one()
            until = ends if token.expires_at is None else min(ends, token.expires_at)
            connection.execute(
                _new(plaintext, token.owner, sorted(token.scopes), expires_at=until, session_of=token.id)
            )
        return plaintext

    def create_classroom(self, *, owner: str, lasts_s: float) -> tuple[str, TokenRecord]:
        """Make a token that lets guests in for so long: its plain text, and what is kept of it."""
        plaintext, token_id, scopes = CLASSROOM_PREFIX + secrets.token_urlsafe(32), str(uuid7()), [CLASSROOM]
        with writing(self._engine) as connection:
            until = connection.execute(select(now(lasts_s))).scalar_one()
            connection.execute(_new(plaintext, owner, scopes, id=token_id, expires_at=until))
        return plaintext, TokenRecord(token_id, owner, frozenset(scopes), until)

    def open_guest(self, classroom: TokenRecord, *, most: int) -> tuple[str, TokenRecord]:
        """Make a session for a new owner, which ends with the classroom. Raises `ClassroomFullError` at `most` guests.

        A guest who signed out has a place until its jobs have ended: whoever enters again has no more than others.
        A session of a guest is one of the classroom's token: whoever revokes the classroom ends all of them.
        """
        plaintext, owner = SESSION_PREFIX + secrets.token_urlsafe(32), f"guest-{secrets.token_hex(4)}"
        token_id, scopes = str(uuid7()), ["jobs:read", GUEST]
        with writing(self._engine) as connection:
            _drop_expired(connection)
            lock(connection, f"guests of {classroom.id}")
            trains = exists().where(Job.owner == Token.owner, not_(has_ended()))
            inside = (
                select(func.count())
                .select_from(Token)
                .where(Token.session_of == classroom.id, or_(Token.revoked_at.is_(None), trains))
            )
            if connection.execute(inside).scalar_one() >= most:
                raise ClassroomFullError(
                    f"This classroom is full: it has places for {most} guests. Who signs out leaves when its jobs end."
                )
            ends = {"expires_at": classroom.expires_at, "session_of": classroom.id}
            connection.execute(_new(plaintext, owner, scopes, id=token_id, **ends))
        return plaintext, TokenRecord(token_id, owner, frozenset(scopes), classroom.expires_at)

    def ensure(self, plaintext: str, *, owner: str, scopes: Sequence[str] = SCOPES) -> None:
        """Make sure that this token is known; nothing changes when it is, and a revoked one stays revoked."""
        try:
            self._insert(plaintext, owner, scopes)
        except IntegrityError:
            return

    def find(self, plaintext: str) -> TokenRecord | None:
        """The owner of this token; None when it is unknown, revoked or expired, or its owner is not active.

        A session is revoked with the token that opened it, also when it was opened while that was being revoked; a
        guest is locked out with the teacher whose classroom it entered.
        """
        with reading(self._engine) as connection:
            row = connection.execute(
                select(Token.id, Token.owner, Token.scopes, Token.expires_at, User.role)
                .outerjoin(User, User.name == Token.owner)
                .outerjoin(_opener, _opener.id == Token.session_of)
                .outerjoin(_opened_by, _opened_by.name == _opener.owner)
                .where(
                    Token.sha256 == _digest(plaintext),
                    Token.revoked_at.is_(None),
                    _opener.revoked_at.is_(None),
                    or_(Token.expires_at.is_(None), Token.expires_at > now()),
                    func.coalesce(User.active, true()),
                    func.coalesce(_opened_by.active, true()),
                )
            ).first()
            if row is None:
                return None
            theirs = select(Membership.project_id, Membership.role).where(Membership.user == row.owner)
            projects = {one.project_id: Role(one.role) for one in connection.execute(theirs)}
        role = Role(row.role) if row.role else _role(row.scopes)  # a service of the release before makes no user
        return TokenRecord(row.id, row.owner, frozenset(row.scopes), row.expires_at, role, projects)

    def listed(self, owner: str | None = None, token_id: str | None = None) -> list[TokenView]:
        """Tokens, newest first, without the sessions that they have opened; of one owner, or one of this id."""
        fields = (
            *(Token.id, Token.owner.label("user"), Token.name, Token.scopes),
            *(Token.created_at, Token.expires_at, Token.revoked_at),
        )
        query = select(*fields).where(Token.session_of.is_(None)).order_by(Token.id.desc())
        if owner is not None:
            query = query.where(Token.owner == owner)
        if token_id is not None:
            query = query.where(Token.id == token_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [TokenView(**row) for row in rows]

    def revoke(self, token_id: str, *, owner: str | None = None) -> bool:
        """End a token at once, with its sessions; False when there is none of this id, or owner, that lives."""
        ours = or_(Token.id == token_id, Token.session_of == token_id)
        with writing(self._engine) as connection:
            revoked = connection.execute(
                update(Token)
                .where(ours, true() if owner is None else Token.owner == owner, Token.revoked_at.is_(None))
                .values(revoked_at=now())
                .returning(Token.id)
            ).scalars()
            return token_id in set(revoked)

    def _insert(
        self,
        plaintext: str,
        owner: str,
        scopes: Sequence[str],
        *,
        name: str | None = None,
        lasts_s: float | None = None,
    ) -> None:
        with writing(self._engine) as connection:
            ensure_user(connection, owner, _role(scopes))
            until = None if lasts_s is None else now(lasts_s)
            connection.execute(_new(plaintext, owner, scopes, name=name, expires_at=until))


def _role(scopes: Sequence[str]) -> Role:
    """The role of an owner that nobody has made a user."""
    return Role.admin if "admin" in scopes else Role.member


def _new(plaintext: str, owner: str, scopes: Sequence[str], **more: Any) -> Insert:
    values = {"id": str(uuid7()), "owner": owner, "scopes": list(scopes), "sha256": _digest(plaintext)} | more
    return insert(Token).values(created_at=now(), **values)


def _drop_expired(connection: Connection) -> None:
    """Delete the sessions that have expired: nobody lists them."""
    connection.execute(delete(Token).where(Token.session_of.is_not(None), Token.expires_at < now()))


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
