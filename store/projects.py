"""The projects that users share, and their members.

A project that nobody created is a word in a job, private to the job's owner. Creating one of that name shares what its
members submit from then on; what was there before stays its owner's alone.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError
from uuid_utils import uuid7

from spec.access import Member, ProjectView, Quotas, Role

from .access import Access, Asker
from .db import lock, reading, writing
from .errors import (
    MemberNotFoundError,
    NotAMemberError,
    ProjectExistsError,
    ProjectInUseError,
    ProjectNotFoundError,
    UserNotFoundError,
)
from .states import has_ended
from .tables import Job, Membership, Project, Sweep, User
from .users import quota_columns, quotas_of

OPEN_TO_ALL = "default"
"""The project of jobs that name none: it cannot be created, because everybody's jobs are in it."""


class ProjectStore:
    """The projects. Methods act for `user`, who must be a member; with None, an administrator, for anybody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, *, creator: str, may_take_name: bool) -> ProjectView:
        """Make a project, with its creator as its administrator.

        Raises `ProjectExistsError`; also when others have jobs of their own under this name, unless `may_take_name`:
        they could no longer submit there.
        """
        if name == OPEN_TO_ALL:
            raise ProjectExistsError(f"Jobs without a project are in {name}: a shared project needs another name.")
        others = select(Job.id).where(Job.project == name, Job.owner != creator).limit(1)
        project_id = str(uuid7())
        try:
            with writing(self._engine) as connection:
                if not may_take_name and connection.execute(others).first() is not None:
                    raise ProjectExistsError(
                        f"Other users have jobs of their own under the name {name}: choose another name, "
                        "or ask an administrator to create it."
                    )
                connection.execute(insert(Project).values(id=project_id, name=name, created_by=creator))
                member = {"project_id": project_id, "user": creator, "role": Role.admin.value}
                connection.execute(insert(Membership).values(member))
        except IntegrityError as error:
            raise ProjectExistsError(f"There is a project {name} already.") from error
        return self.get(name, user=creator)

    def get(self, name: str, *, user: str | None) -> ProjectView:
        """The project. Raises `ProjectNotFoundError`, also for one that the user is no member of."""
        found = self.listed(user=user, name=name)
        if not found:
            raise ProjectNotFoundError(f"There is no project {name[:100]} among yours: list the projects.")
        return found[0]

    def listed(self, *, user: str | None, name: str | None = None) -> list[ProjectView]:
        """The projects that a user is a member of, by name."""
        query = select(Project.__table__, Membership.role).order_by(Project.name)
        mine = and_(Membership.project_id == Project.id, Membership.user == user)
        query = query.outerjoin(Membership, mine) if user is None else query.join(Membership, mine)
        if name is not None:
            query = query.where(Project.name == name)
        with reading(self._engine) as connection:
            return [
                ProjectView(
                    id=row.id,
                    name=row.name,
                    created_by=row.created_by,
                    quotas=quotas_of(row),
                    role=Role(row.role or Role.admin),
                    created_at=row.created_at,
                )
                for row in connection.execute(query)
            ]

    def set_quotas(self, project: ProjectView, quotas: Quotas) -> None:
        """Give a project these quotas."""
        with writing(self._engine) as connection:
            connection.execute(update(Project).where(Project.id == project.id).values(quota_columns(quotas)))

    def delete(self, project: ProjectView) -> None:
        """End the sharing: what is in it stays, its owners' alone. Raises `ProjectInUseError` while jobs go on."""
        jobs = select(Job.id).where(Job.project_id == project.id, not_(has_ended())).limit(1)
        sweeps = select(Sweep.id).where(Sweep.project_id == project.id, Sweep.finished_at.is_(None)).limit(1)
        with writing(self._engine) as connection:
            lock(connection, f"submits of project {project.id}")
            if connection.execute(jobs).first() or connection.execute(sweeps).first():
                raise ProjectInUseError(f"Jobs or sweeps of {project.name} go on: cancel them, or wait.")
            connection.execute(delete(Project).where(Project.id == project.id))

    # --- members --------------------------------------------------------------------------------------------------

    def members(self, project: ProjectView) -> list[Member]:
        """The members of a project, by name."""
        query = select(Membership.user, Membership.role).where(Membership.project_id == project.id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(Membership.user)).all()
        return [Member(user=row.user, role=Role(row.role)) for row in rows]

    def set_member(self, project: ProjectView, user: str, role: Role) -> Member:
        """Make a user a member, or give a member another role. Raises `UserNotFoundError`."""
        theirs = and_(Membership.project_id == project.id, Membership.user == user)
        with writing(self._engine) as connection:
            lock(connection, f"members of {project.id}")
            if connection.execute(select(User.name).where(User.name == user)).first() is None:
                raise UserNotFoundError(f"There is no user {user[:100]}: an administrator makes users.")
            if connection.execute(update(Membership).where(theirs).values(role=role.value)).rowcount == 0:
                row = {"project_id": project.id, "user": user, "role": role.value}
                connection.execute(insert(Membership).values(row))
        return Member(user=user, role=role)

    def remove_member(self, project: ProjectView, user: str) -> None:
        """Take a member out; its jobs stay in the project. Raises `MemberNotFoundError`."""
        theirs = and_(Membership.project_id == project.id, Membership.user == user)
        with writing(self._engine) as connection:
            if connection.execute(delete(Membership).where(theirs)).rowcount == 0:
                raise MemberNotFoundError(f"{user[:100]} is no member of {project.name}.")


def project_ids(connection: Connection, names: Collection[str], *, owner: str) -> Mapping[str, str]:
    """The ids of those of these projects that are shared, for one who submits into them.

    Raises `NotAMemberError` unless the owner may: an administrator, or a member who is no viewer.
    """
    mine = and_(Membership.project_id == Project.id, Membership.user == owner)
    rows = connection.execute(
        select(Project.id, Project.name, Membership.role, User.role.label("rank"))
        .outerjoin(Membership, mine)
        .outerjoin(User, User.name == owner)
        .where(Project.name.in_(sorted(set(names))))
    ).all()
    for row in rows:
        if row.rank != Role.admin and row.role not in (Role.admin, Role.member):
            only_reads = f"You may only read in the project {row.name}"
            raise NotAMemberError(
                f"{only_reads if row.role else f'You are no member of the project {row.name}'}: "
                "ask one of its administrators, or name another project."
            )
    return {row.name: row.id for row in rows}


def demand_member(connection: Connection, asker: Asker, record: Any) -> None:
    """Raise `NotAMemberError` unless the asker may still submit where a job or sweep is shared that it sets going."""
    user = asker.user if isinstance(asker, Access) else asker
    if user is not None and record.project_id is not None:
        project_ids(connection, [record.project], owner=user)


def in_projects_of(owner: str, table: Any) -> Any:
    """Rows that are the owner's, or shared in a project that it is a member of."""
    theirs = select(Membership.project_id).where(Membership.user == owner)
    return or_(table.owner == owner, table.project_id.in_(theirs))
