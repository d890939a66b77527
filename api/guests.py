"""Classrooms: a link that lets guests in without a token, for some hours, to train a few small jobs of their own.

An administrator makes a classroom: a token that allows one thing, to let guests in. Each guest is an owner of its own,
known by a session cookie that ends with the classroom. A guest has no token that could be passed on, sees no other's
jobs, and may call only the views that `auth.ALLOWED` lists.
"""

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from spec.base import Count, Frozen
from spec.job import JobSpec
from spec.views import ClassroomView, SessionView
from store.tokens import CLASSROOM, TokenRecord, TokenStore

from .answers import PREFIX
from .auth import GUESTS, Principal, administrator, bearer
from .body import read_json
from .errors import BadFieldsError, ForbiddenError, UnauthorizedError
from .openapi import documented
from .parsing import json_response, parse
from .services import service
from .sessions import remember, session_view

MOST_HOURS = 12
MOST_GUESTS = 100
"""Of a classroom, at a time."""
MOST_JOBS = 12
"""Jobs of a guest that have not ended."""
MOST_TRAINING_S = 600.0

guests = Blueprint("guests", __name__, url_prefix=PREFIX)


class Classroom(Frozen):
    """A link for guests: how long it holds."""

    hours: Annotated[Count, Field(ge=1, le=MOST_HOURS, description="Hours until the link and its guests expire.")] = 4


@guests.post("/classrooms")
@documented("Make a link that lets guests in", body=Classroom, answer=ClassroomView, status=201)
def make_classroom() -> Response:
    """The token of a classroom; its text is answered this once."""
    teacher, asked = administrator(), parse(Classroom, read_json(request))
    token, made = service(TokenStore).create_classroom(owner=teacher.owner, lasts_s=asked.hours * 3600)
    return json_response(ClassroomView(id=made.id, token=token, expires_at=made.expires_at), 201)


@guests.post("/guests")
@documented("Enter a classroom as a guest", answer=SessionView, status=201)
def enter() -> Response:
    """Open a session for a new guest of the classroom whose token is in the header."""
    tokens = service(TokenStore)
    opened, _ = tokens.open_guest(_classroom(tokens), most=MOST_GUESTS)
    guest = _found(tokens, opened)
    answer = json_response(session_view(Principal.of(guest)), 201)
    return remember(answer, opened)


def _classroom(tokens: TokenStore) -> TokenRecord:
    found = _found(tokens, bearer())
    if CLASSROOM not in found.scopes:
        raise ForbiddenError(f"POST {GUESTS} takes the token of a classroom.")
    return found


def _found(tokens: TokenStore, plaintext: str) -> TokenRecord:
    found = tokens.find(plaintext)
    if found is None:
        raise UnauthorizedError("This link has expired: ask for a new one.")
    return found


def for_guest(spec: JobSpec, path: str = "") -> JobSpec:
    """The job at this path of the body as a guest may submit it, with a limit of time. Raises `BadFieldsError`."""
    if spec.priority > 0:
        raise BadFieldsError.of(f"{path}priority", "must be at most 0 for a guest")
    if spec.resources.gpus > 1:
        raise BadFieldsError.of(f"{path}resources.gpus", "must be 1 for a guest")
    if spec.timeout_s is not None and spec.timeout_s > MOST_TRAINING_S:
        raise BadFieldsError.of(f"{path}timeout_s", f"must be at most {MOST_TRAINING_S:g} for a guest")
    return spec if spec.timeout_s is not None else spec.model_copy(update={"timeout_s": MOST_TRAINING_S})
