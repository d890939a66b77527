"""Sessions: a browser signs in with a token, once, and is known by a cookie that no script can read."""

from flask import Blueprint, Response, request

from spec.views import SessionView
from store.tokens import SESSION_PREFIX, SESSION_S, TokenStore

from .auth import COOKIE, SESSION, Principal, bearer, principal
from .errors import UnauthorizedError
from .openapi import documented
from .parsing import json_response
from .services import service

sessions = Blueprint("sessions", __name__, url_prefix=SESSION)


@sessions.post("")
@documented("Sign in: exchange a token for a session cookie", answer=SessionView)
def sign_in() -> Response:
    """Open a session of the token in the header."""
    tokens, shown = service(TokenStore), bearer()
    token = None if shown.startswith(SESSION_PREFIX) else tokens.find(shown)
    if token is None:  # a session opens no session, or it would never end
        raise UnauthorizedError("To sign in, send the header Authorization: Bearer TOKEN, with a token, not a session.")
    opened = tokens.open_session(token)
    session = tokens.find(opened)
    if session is None:
        raise UnauthorizedError("This token has just expired or was revoked.")
    answer = json_response(session_view(Principal.of(session)))
    return remember(answer, opened)


@sessions.get("")
@documented("Say who is signed in", answer=SessionView)
def show() -> Response:
    """The owner of the session, or of the token."""
    return json_response(session_view(principal()))


@sessions.delete("")
@documented("Sign out", status=204)
def sign_out() -> Response:
    """End the session on the server, and in the browser. A token that is sent with this request stays valid."""
    answer = Response(status=204)
    if "Authorization" not in request.headers:
        service(TokenStore).revoke(principal().token_id)
    answer.delete_cookie(COOKIE, path="/", secure=request.is_secure, httponly=True, samesite="Strict")
    return answer


def remember(answer: Response, session: str) -> Response:
    """The answer, with the cookie by which the browser is known from now on."""
    answer.set_cookie(
        COOKIE, session, max_age=SESSION_S, path="/", secure=request.is_secure, httponly=True, samesite="Strict"
    )
    return answer


def session_view(who: Principal) -> SessionView:
    """Who is signed in, as the API says it."""
    return SessionView(owner=who.owner, admin=who.is_admin, role=who.role, expires_at=who.expires_at)
