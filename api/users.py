"""Users over HTTP: an administrator makes and changes them; everybody sees their own entry."""

from flask import Blueprint, Response, request

from spec.access import NewUser, UserChange, UserList, UserView
from store.errors import UserNotFoundError
from store.users import UserStore

from .answers import PREFIX
from .auth import administrator, principal
from .body import read_json
from .openapi import documented
from .parsing import json_response, parse
from .services import service

users = Blueprint("users", __name__, url_prefix=f"{PREFIX}/users")


@users.get("")
@documented("List users", answer=UserList)
def list_users() -> Response:
    """All users, for an administrator; for others their own entry."""
    found = service(UserStore).listed(principal().manages)
    return json_response(UserList(users=found))


@users.post("")
@documented("Make a user", body=NewUser, answer=UserView, status=201)
def make() -> Response:
    """A new user, who has no token yet."""
    administrator()
    new = parse(NewUser, read_json(request))
    return json_response(service(UserStore).create(new.name, new.role, new.quotas), 201)


@users.get("/<user>")
@documented("Show a user", answer=UserView)
def show(user: str) -> Response:
    """A user, its quotas and its projects."""
    who = principal()
    if not who.is_admin and who.owner != user:
        raise UserNotFoundError(f"There is no user {user[:100]} that you see: only administrators see others.")
    return json_response(service(UserStore).get(user))


@users.patch("/<user>")
@documented("Change a user's role or quotas, or lock it out", body=UserChange, answer=UserView)
def change(user: str) -> Response:
    """Another role, other quotas, or an end to all its tokens."""
    administrator()
    wanted = parse(UserChange, read_json(request))
    changed = service(UserStore).change(user, role=wanted.role, active=wanted.active, quotas=wanted.quotas)
    return json_response(changed)
