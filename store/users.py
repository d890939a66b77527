"""The users: who they are, what they may do, and how much they may have."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from spec.access import Quotas, Role, UserView

from .db import lock, now, reading, writing
from .errors import LastAdminError, UserExistsError, UserNotFoundError
from .tables import Membership, Project, User


class UserStore:
    """The users. Any process may call any method at any time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, role: Role, quotas: Quotas) -> UserView:
        """Make a user. Raises `UserExistsError`."""
        try:
            with writing(self._engine) as connection:
                row = {"name": name, "role": role.value, "created_at": now(), **quota_columns(quotas)}
                connection.execute(insert(User).values(row))
        except IntegrityError as error:
            raise UserExistsError(f"There is a user {name} already.") from error
        return self.get(name)

    def get(self, name: str) -> UserView:
        """The user of this name. Raises `UserNotFoundError`."""
        found = self.listed(name)
        if not found:
            raise UserNotFoundError(f"There is no user {name[:100]}: list the users to see which there are.")
        return found[0]

    def listed(self, name: str | None = None) -> list[UserView]:
        """All users by name, or the one of this name."""
        query = select(User.__table__).order_by(User.name)
        member = select(Membership.user, Membership.role, Project.name).join(
            Project, Project.id == Membership.project_id
        )
        if name is not None:
            query, member = query.where(User.name == name), member.where(Membership.user == name)
        projects: dict[str, dict[str, Role]] = defaultdict(dict)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            for one in connection.execute(member.order_by(Project.name)):
                projects[one.user][one.name] = Role(one.role)
        return [
            UserView(
                name=row.name,
                role=Role(row.role),
                active=row.active,
                quotas=quotas_of(row),
                projects=projects[row.name],
                created_at=row.created_at,
            )
            for row in rows
        ]

    def change(
        self, name: str, *, role: Role | None = None, active: bool | None = None, quotas: Quotas | None = None
    ) -> UserView:
        """Change a user. Raises `UserNotFoundError`, and `LastAdminError` when nobody would administer the service."""
        values: dict[str, Any] = {} if quotas is None else dict(quota_columns(quotas))
        values |= {} if role is None else {"role": role.value}
        values |= {} if active is None else {"active": active}
        with writing(self._engine) as connection:
            lock(connection, "administrators")
            if values:
                connection.execute(update(User).where(User.name == name).values(values))
            if (role is not None or active is not None) and not _administrators(connection):
                raise LastAdminError(f"{name} is the last administrator: make another user one first.")
        return self.get(name)


def ensure_user(connection: Connection, name: str, role: Role) -> None:
    """Make sure that there is a user of this name; one that there is stays as it is."""
    known = select(User.name).where(User.name == name)
    if connection.execute(known).first() is None:
        lock(connection, f"user {name}")
        if connection.execute(known).first() is None:
            connection.execute(insert(User).values(name=name, role=role.value, created_at=now()))


def quotas_of(row: Any) -> Quotas:
    """The quotas in a row of a user or a project, which were checked when they were set, maybe by other limits."""
    return Quotas.model_construct(
        running=row.running_quota, queued=row.queued_quota, gpu_hours=row.gpu_hours_quota, bytes=row.bytes_quota
    )


def quota_columns(quotas: Quotas) -> dict[str, Any]:
    """The columns of quotas."""
    return {f"{name}_quota": value for name, value in quotas.model_dump().items()}


def _administrators(connection: Connection) -> int:
    admins = select(func.count()).select_from(User).where(and_(User.role == Role.admin.value, User.active))
    return connection.execute(admins).scalar_one()
