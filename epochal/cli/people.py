"""Commands for people who work together: users and projects."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from spec.access import Quotas, Role, UserView

from ..client import Api
from ..client.words import DASH
from .console import Json, print_answer, print_list, print_result
from .help import add, group

users = group("Users of the service; administrators make and change them.")
projects = group("Projects, in which users share jobs, sweeps and data sets.")

UserName = Annotated[str, typer.Argument(metavar="USER", help="The user's name.", show_default=False)]
ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.", show_default=False)]
RoleOption = Annotated[Role, typer.Option(help="admin, member or viewer.")]


def _most(text: str) -> float:
    """A quota as it is written: a number, or `none`, which is infinite."""
    try:
        number = math.inf if text == "none" else float(text)
    except ValueError:
        number = -1.0
    if not number >= 0.0:
        raise typer.BadParameter("It must be a number, 0 or more, or none, which takes the quota away.")
    return int(number) if number.is_integer() else number


def _quota(about: str, *names: str) -> Any:
    return typer.Option(*names, parser=_most, metavar="N|none", help=about)


Running = Annotated[float | None, _quota("Most running jobs.")]
Queued = Annotated[float | None, _quota("Most queued jobs.")]
GpuHours = Annotated[float | None, _quota("GPU-hours in a month.")]
Bytes = Annotated[float | None, _quota("Bytes of data sets.", "--bytes")]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    of_users: Mapping[str, Callable[..., None]] = {
        **{"list": list_users, "add": add_user, "role": give_role, "quota": give_user_quota},
        **{"lock": lock_out, "unlock": let_in},
    }
    of_projects: Mapping[str, Callable[..., None]] = {
        **{"list": list_projects, "create": create_project, "delete": delete_project, "members": list_members},
        **{"add": add_member, "remove": remove_member, "quota": give_project_quota, "share": share},
    }
    for name, commands, about in (("user", of_users, users), ("project", of_projects, projects)):
        for verb, command in commands.items():
            add(about, command, name=verb)
        app.add_typer(about, name=name, rich_help_panel=panel)


def list_users(as_json: Json = False) -> None:
    """List users: role, state, projects, quotas.

    Example:
      epochal user list

    """
    with Api() as client:
        found = client.users()
    print_list(found, ("user", "role", "state", "projects", "quotas"), _user_row, as_json)


def add_user(user: UserName, role: RoleOption = Role.member, as_json: Json = False) -> None:
    """Make a user. `epochal token create --owner USER` makes its first token.

    Example:
      epochal user add ada --role member

    """
    with Api() as client:
        made = client.create_user(user, role)
    print_answer(made, f"{made.name}: {made.role}", as_json)


def give_role(
    user: UserName, role: Annotated[Role, typer.Argument(help="admin, member or viewer.")], as_json: Json = False
) -> None:
    """Give a user another role.

    Example:
      epochal user role ada admin

    """
    with Api() as client:
        changed = client.change_user(user, role=role.value)
    print_answer(changed, f"{user}: {changed.role}", as_json)


def give_user_quota(
    user: UserName,
    running: Running = None,
    queued: Queued = None,
    gpu_hours: GpuHours = None,
    most_bytes: Bytes = None,
    as_json: Json = False,
) -> None:
    """Give a user quotas; others stay, and `none` takes one away.

    Example:
      epochal user quota ada --running 4 --gpu-hours none

    """
    with Api() as client:
        quotas = _changed(client.user(user).quotas, running, queued, gpu_hours, most_bytes)
        changed = client.change_user(user, quotas=quotas)
    print_answer(changed, f"{user}: {_quotas(changed.quotas)}", as_json)


def lock_out(user: UserName, as_json: Json = False) -> None:
    """Lock a user out: none of its tokens is accepted. Its jobs go on.

    Example:
      epochal user lock ada

    """
    with Api() as client:
        changed = client.change_user(user, active=False)
    print_answer(changed, f"{user}: locked out", as_json)


def let_in(user: UserName, as_json: Json = False) -> None:
    """Let a user in again that was locked out.

    Example:
      epochal user unlock ada

    """
    with Api() as client:
        changed = client.change_user(user, active=True)
    print_answer(changed, f"{user}: active", as_json)


def list_projects(as_json: Json = False) -> None:
    """List the projects that you are a member of.

    Example:
      epochal project list

    """
    with Api() as client:
        found = client.projects()
    columns = ("project", "your role", "created by", "quotas")
    print_list(found, columns, lambda one: (one.name, one.role, one.created_by, _quotas(one.quotas)), as_json)


def create_project(project: ProjectName, as_json: Json = False) -> None:
    """Create a project, with you as its administrator.

    What its members submit with `project: NAME` is then seen by all of them.

    Example:
      epochal project create vision

    """
    with Api() as client:
        made = client.create_project(project)
    print_answer(made, f"{made.name}: created. `epochal project add {made.name} USER` lets others in.", as_json)


def list_members(project: ProjectName, as_json: Json = False) -> None:
    """List the members of a project.

    Example:
      epochal project members vision

    """
    with Api() as client:
        found = client.members(project)
    print_list(found, ("user", "role"), lambda one: (one.user, one.role), as_json)


def add_member(project: ProjectName, user: UserName, role: RoleOption = Role.member, as_json: Json = False) -> None:
    """Let a user into a project, or give a member another role.

    Example:
      epochal project add vision ada --role viewer

    """
    with Api() as client:
        made = client.set_member(project, user, role)
    print_answer(made, f"{made.user}: {made.role} of {project}", as_json)


def remove_member(project: ProjectName, user: UserName, as_json: Json = False) -> None:
    """Take a member out of a project; its jobs stay there.

    Example:
      epochal project remove vision ada

    """
    with Api() as client:
        client.remove_member(project, user)
    print_result({"removed": user}, f"{user}: no member of {project} any more", as_json)


def give_project_quota(
    project: ProjectName,
    running: Running = None,
    queued: Queued = None,
    gpu_hours: GpuHours = None,
    most_bytes: Bytes = None,
    as_json: Json = False,
) -> None:
    """Give a project quotas; others stay, and `none` takes one away.

    Example:
      epochal project quota vision --running 8 --queued 1000

    """
    with Api() as client:
        quotas = _changed(client.project(project).quotas, running, queued, gpu_hours, most_bytes)
        changed = client.change_project(project, quotas)
    print_answer(changed, f"{project}: {_quotas(changed.quotas)}", as_json)


def share(
    project: ProjectName,
    dataset_id: Annotated[str, typer.Argument(metavar="DATASET", help="The data set's id.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Let the members of a project train on one of your data sets.

    Example:
      epochal project share vision ds_0123456789abcdef0123456789abcdef

    """
    with Api() as client:
        shared = client.share_dataset(dataset_id, project)
    print_answer(shared, f"{shared.name}: shared in {project}", as_json)


def delete_project(project: ProjectName, as_json: Json = False) -> None:
    """End a project: what was shared is its owners' alone again.

    Example:
      epochal project delete vision

    """
    with Api() as client:
        client.delete_project(project)
    print_result({"ended": project}, f"{project}: ended", as_json)


def _user_row(user: UserView) -> tuple[str, ...]:
    state = "active" if user.active else "locked out"
    return user.name, user.role, state, ", ".join(user.projects) or DASH, _quotas(user.quotas)


def _quotas(quotas: Quotas) -> str:
    given = quotas.model_dump(exclude_none=True)
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in given.items()) or DASH


def _changed(quotas: Quotas, *given: float | None) -> dict[str, Any]:
    """All quotas, in which those that were `given`, in the order of the fields, take the place of the old ones."""
    new = {name: most for name, most in zip(Quotas.model_fields, given, strict=True) if most is not None}
    return {**quotas.model_dump(), **{name: None if most == math.inf else most for name, most in new.items()}}
