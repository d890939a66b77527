"""Commands for tokens: create, list, revoke. They ask the API; with EPOCHAL_DATABASE_URL, `create --owner` does not."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from spec.access import TokenView
from spec.short_ids import short

from ..client import Api
from ..client.words import DASH
from ..errors import EpochalError, WrongUseError
from ..stack.services import python
from .console import Json, listed_ids, print_list, print_result
from .help import add, group
from .id_ends import by_end
from .stack import read_settings

_COLUMNS = ("id", "user", "state", "name", "scopes", "created (UTC)")

tokens = group("Your tokens of the API; an administrator sees and revokes everybody's.")


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for name, command in (("create", create), ("list", list_tokens), ("revoke", revoke)):
        add(tokens, command, name=name)
    app.add_typer(tokens, name="token", rich_help_panel=panel)


def create(
    owner: Annotated[
        str | None,
        typer.Option(metavar="USER", help="The user whose token it is. Default: yourself."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the token is for.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires. Default: never.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="With --owner: an administrator's token.")] = False,
    as_json: Json = False,
) -> None:
    """Create a token and print it; it is shown only once.

    It is your own, and allows what the token does that you sign in with.
    With --owner, an administrator makes a token of another user.

    If EPOCHAL_DATABASE_URL is set, --owner acts on that database, asks no
    service, and makes the user if there is none: the first token of an
    installation.

    Examples:
      epochal token create --name laptop --days 90
      epochal token create --owner alice
      epochal token create --owner root --admin

    """
    if owner is None and admin:
        raise WrongUseError("--admin needs --owner USER: a token of your own allows what you are allowed.")
    scopes = ("jobs:read", "jobs:write", "admin") if admin else None
    if owner is None or not os.environ.get("EPOCHAL_DATABASE_URL"):
        with Api() as client:
            made = client.create_token(name, days=days, user=owner, scopes=scopes)
        print_result({"owner": made.user, "token": made.token}, made.token, as_json)
        return
    more = [*(("--name", name) if name else ()), *(("--days", str(days)) if days else ())]
    token = _made("--owner", owner, *more, *(part for scope in scopes or () for part in ("--scope", scope)))
    print_result({"owner": owner, "token": token}, token, as_json)


def list_tokens(as_json: Json = False) -> None:
    """List tokens, newest first: user, scopes, age; never the token itself.

    Examples:
      epochal token list
      epochal token list --json

    """
    with Api() as client:
        found = client.tokens()
    ids = listed_ids([one.id for one in found])
    print_list(found, _COLUMNS, lambda one: (ids[one.id], *_cells(one)), as_json)


def revoke(
    token_id: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id or its end: `epochal token list`.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Revoke a token: the API refuses it from now on.

    Example:
      epochal token revoke 4f2a91c7

    """
    with Api() as client:
        token = by_end(client.tokens(), token_id, "token", lambda one: one.user)
        if token.revoked_at is None:
            client.revoke_token(token.id)
    print_result({"revoked": token.id}, f"{short(token.id)} {token.user}: revoked", as_json)


def _cells(token: TokenView) -> Iterator[str]:
    yield token.user
    yield _state(token)
    yield token.name or DASH
    yield ", ".join(sorted(token.scopes)) or DASH
    yield f"{token.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _state(token: TokenView) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= datetime.now(UTC) else "valid"


def _made(*arguments: str) -> str:
    """What `python -m store token create` prints: no client may open the record itself."""
    read_settings()
    done = subprocess.run(
        python("store", "token", "create", *arguments), check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise EpochalError(
            "No token was made; the lines above say why. --owner acts on the database that EPOCHAL_DATABASE_URL names: "
            "without that variable, it asks the service that you are signed in to."
        )
    return done.stdout.strip()
