"""Projects over HTTP: users share jobs, sweeps and data sets in them."""

from flask import Blueprint, Response, request

from spec.access import (
    Member,
    MemberList,
    Membership,
    NewProject,
    ProjectChange,
    ProjectList,
    ProjectView,
    Role,
)
from store.projects import ProjectStore

from .answers import PREFIX
from .auth import administrator, principal
from .body import read_json
from .errors import ForbiddenError
from .openapi import documented
from .parsing import json_response, parse
from .services import service

projects = Blueprint("projects", __name__, url_prefix=f"{PREFIX}/projects")


@projects.get("")
@documented("List projects", answer=ProjectList)
def list_projects() -> Response:
    """The projects that the asker is a member of; an administrator's are all."""
    found = service(ProjectStore).listed(user=principal().manages)
    return json_response(ProjectList(projects=found))


@projects.post("")
@documented("Create a project", body=NewProject, answer=ProjectView, status=201)
def create() -> Response:
    """A project whose administrator is the asker."""
    who, new = principal(), parse(NewProject, read_json(request))
    made = service(ProjectStore).create(new.name, creator=who.owner, may_take_name=who.is_admin)
    return json_response(made, 201)


@projects.get("/<project>")
@documented("Show a project", answer=ProjectView)
def show(project: str) -> Response:
    """A project and its quotas."""
    return json_response(_visible(project))


@projects.patch("/<project>")
@documented("Change a project's quotas", body=ProjectChange, answer=ProjectView)
def change(project: str) -> Response:
    """Other quotas, which an administrator of the service gives."""
    administrator()
    wanted, found = parse(ProjectChange, read_json(request)), _visible(project)
    service(ProjectStore).set_quotas(found, wanted.quotas)
    return json_response(_visible(project))


@projects.delete("/<project>")
@documented("End a project", status=204)
def delete(project: str) -> Response:
    """End the sharing. Jobs and data sets stay, and are their owners' alone."""
    service(ProjectStore).delete(managed(project))
    return Response(status=204)


@projects.get("/<project>/members")
@documented("List the members of a project", answer=MemberList)
def list_members(project: str) -> Response:
    """Who is in a project, and with which role."""
    return json_response(MemberList(members=service(ProjectStore).members(_visible(project))))


@projects.put("/<project>/members/<user>")
@documented("Make a user a member of a project", body=Membership, answer=Member)
def set_member(project: str, user: str) -> Response:
    """Let a user in, or give a member another role."""
    wanted, found = parse(Membership, read_json(request)), managed(project)
    return json_response(service(ProjectStore).set_member(found, user, wanted.role))


@projects.delete("/<project>/members/<user>")
@documented("Take a member out of a project", status=204)
def remove_member(project: str, user: str) -> Response:
    """Take a member out, or leave a project."""
    found = _visible(project) if user == principal().owner else managed(project)
    service(ProjectStore).remove_member(found, user)
    return Response(status=204)


def _visible(project: str) -> ProjectView:
    return service(ProjectStore).get(project, user=principal().manages)


def managed(project: str) -> ProjectView:
    """The project. Raises `ForbiddenError` unless the asker administers it."""
    found = _visible(project)
    if found.role is not Role.admin:
        raise ForbiddenError(f"Only an administrator of the project {found.name} may do this.")
    return found
