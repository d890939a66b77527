"""Tokens over HTTP: users make, list and revoke their own, administrators everybody's. A text is shown once."""

from uuid import UUID

from flask import Blueprint, Response, request

from spec.access import MadeToken, NewToken, Role, TokenList
from store.tokens import SCOPES, TokenStore
from store.users import UserStore

from .answers import PREFIX
from .auth import Principal, principal
from .body import read_json
from .errors import ForbiddenError, NotFoundError
from .openapi import documented
from .parsing import json_response, parse
from .services import service

DAY_S = 86_400.0

tokens = Blueprint("tokens", __name__, url_prefix=f"{PREFIX}/tokens")


@tokens.get("")
@documented("List tokens, newest first", answer=TokenList)
def list_tokens() -> Response:
    """The asker's tokens; an administrator's list has everybody's."""
    return json_response(TokenList(tokens=service(TokenStore).listed(principal().manages)))


@tokens.post("")
@documented("Make a token", body=NewToken, answer=MadeToken, status=201)
def make() -> Response:
    """A new token; its text is answered this once."""
    who, new = principal(), parse(NewToken, read_json(request))
    user = new.user or who.owner
    if user != who.owner and not who.is_admin:
        raise ForbiddenError("Only an administrator makes a token for somebody else.")
    scopes = _scopes(who, user, new)
    store = service(TokenStore)
    lasts_s = None if new.days is None else new.days * DAY_S
    text = store.create(owner=user, scopes=scopes, name=new.name, lasts_s=lasts_s)
    found = store.find(text)
    if found is None:
        raise ForbiddenError(f"The user {user} is locked out: no token of its is accepted.")
    [made] = store.listed(token_id=found.id)
    return json_response(MadeToken(**dict(made), token=text), 201)


@tokens.delete("/<uuid:token_id>")
@documented("Revoke a token", status=204)
def revoke(token_id: UUID) -> Response:
    """End a token, and the sessions that it opened, at once."""
    if not service(TokenStore).revoke(str(token_id), owner=principal().manages):
        raise NotFoundError(f"No valid token of yours has the id {token_id}: list them.")
    return Response(status=204)


def _scopes(who: Principal, user: str, new: NewToken) -> tuple[str, ...]:
    """What the new token allows: no more than its user may, and no more than the token that makes it."""
    role = service(UserStore).get(user).role
    if new.scopes is None:
        wanted = {Role.admin: SCOPES, Role.member: SCOPES[:2], Role.viewer: SCOPES[:1]}[role]
        return wanted if who.is_admin else tuple(scope for scope in wanted if scope in who.scopes)
    if "admin" in new.scopes and role is not Role.admin:
        raise ForbiddenError(f"{user} is no administrator: the scope admin is not for its tokens.")
    if not who.is_admin and (more := sorted(set(new.scopes) - who.scopes)):
        raise ForbiddenError(f"The token that you show does not allow {', '.join(more)}: no new one gets more.")
    return new.scopes
