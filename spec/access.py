"""Users, projects, members and tokens: what a request may say of them, and what the API answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from .base import Count, Frozen, Real, fault
from .labels import Label, Project


class Role(StrEnum):
    """What a user may do in the service, and a member in a project."""

    admin = "admin"
    """In the service: everything, for all users. In a project: changes its members, and all that is shared in it."""
    member = "member"
    """Submits, sees what the project shares, and changes its own."""
    viewer = "viewer"
    """Reads."""


USER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$"
UserName = Annotated[str, StringConstraints(pattern=USER_NAME)]
Scope = Literal["jobs:read", "jobs:write", "admin"]

MOST_TOKEN_DAYS = 3_650
LARGEST_QUOTA = 2**31 - 1
"""The largest quota of jobs: what a column of integers holds."""


class Quotas(Frozen):
    """The most that a user or a project may have; null: no quota of its own."""

    running: Annotated[Count | None, Field(ge=0, le=LARGEST_QUOTA, description="Jobs that run at the same time.")] = (
        None
    )
    queued: Annotated[Count | None, Field(ge=0, le=LARGEST_QUOTA, description="Jobs that wait.")] = None
    gpu_hours: Annotated[Real | None, Field(ge=0, description="GPU-hours in a calendar month (UTC).")] = None
    bytes: Annotated[Count | None, Field(ge=0, le=2**60, description="Bytes of data sets and unfinished uploads.")] = (
        None
    )


class Used(Frozen):
    """What a user or a project has now of what quotas limit."""

    running: int
    queued: int
    gpu_hours: float
    """Of this calendar month (UTC)."""
    bytes: int
    """Of data sets; a user's unfinished uploads count whole."""


class QuotaUse(Frozen):
    """The quotas that hold for a user or a project, and what is used of them now."""

    kind: Literal["user", "project"]
    name: str
    quotas: Quotas
    """Its own; for a user who has none, what the settings of the service say."""
    used: Used


class QuotaReport(Frozen):
    """Users by name, then projects by name."""

    uses: list[QuotaUse]


class NewUser(Frozen):
    """A user to be made."""

    name: Annotated[UserName, Field(description="The name of the user: the owner of its jobs.")]
    role: Annotated[Role, Field(description="admin, member or viewer.")] = Role.member
    quotas: Quotas = Quotas()


class UserChange(Frozen):
    """What changes of a user; what is not given stays."""

    role: Annotated[Role | None, Field(description="admin, member or viewer.")] = None
    active: Annotated[bool | None, Field(description="false: no token of the user is accepted.")] = None
    quotas: Annotated[Quotas | None, Field(description="All quotas; one that is left out is none.")] = None


class UserView(Frozen):
    """A user."""

    name: str
    role: Role
    active: bool
    quotas: Quotas
    projects: dict[str, Role]
    """The projects that it is a member of, with its role in each."""
    created_at: datetime


class UserList(Frozen):
    """Users by name."""

    users: list[UserView]


class NewProject(Frozen):
    """A project to be made; who makes it is its first member."""

    name: Annotated[Project, Field(description="The name that jobs and sweeps give as their project.")]


class ProjectChange(Frozen):
    """What changes of a project."""

    quotas: Annotated[Quotas, Field(description="All quotas; one that is left out is none.")]


class ProjectView(Frozen):
    """A project that is shared by its members."""

    id: str
    name: str
    created_by: str
    quotas: Quotas
    role: Role
    """The asker's, in this project."""
    created_at: datetime


class ProjectList(Frozen):
    """The projects that the asker sees, by name."""

    projects: list[ProjectView]


class Member(Frozen):
    """A user in a project."""

    user: str
    role: Role


class MemberList(Frozen):
    """The members of a project, by name."""

    members: list[Member]


class Membership(Frozen):
    """The role of a member."""

    role: Annotated[Role, Field(description="admin, member or viewer, in this project.")] = Role.member


class Sharing(Frozen):
    """Where a data set is shared."""

    project: Annotated[Project | None, Field(description="A project of its owner; null: it is not shared.")]


class NewToken(Frozen):
    """A token to be made."""

    user: Annotated[UserName | None, Field(description="Whose token; another's is for administrators.")] = None
    name: Annotated[Label | None, Field(description="What the token is for.")] = None
    scopes: Annotated[
        tuple[Scope, ...] | None,
        Field(min_length=1, description="What it allows: jobs:read, jobs:write, admin. null: all that its user may."),
    ] = None
    days: Annotated[
        Count | None, Field(ge=1, le=MOST_TOKEN_DAYS, description="Days until it expires; null: it does not.")
    ] = None

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.scopes is not None and not {"jobs:read", "admin"} & set(self.scopes):
            raise fault("scopes", "must have jobs:read: a token that cannot read is of no use")
        return self


class TokenView(Frozen):
    """A token, without its text."""

    id: str
    user: str
    name: str | None
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class MadeToken(TokenView):
    """A token that has just been made."""

    token: str
    """Its text; it is shown this once."""


class TokenList(Frozen):
    """Tokens, newest first."""

    tokens: list[TokenView]
