"""Commands for tokens: create, list, revoke. They act on the database that EPOCHAL_DATABASE_URL names."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Optional

import typer
from pydantic import TypeAdapter

from spec.access import TokenView

from ..client.words import DASH, short, short_ids
from ..errors import AmbiguousError, EpochalError, NotFoundError
from .console import Json, print_list, print_result
from .help import add, group
from .stack import read_settings

_LIST = TypeAdapter(list[TokenView])
_COLUMNS = ("id", "user", "state", "name", "scopes", "created (UTC)")

tokens = group("Tokens of the API, in the database that EPOCHAL_DATABASE_URL names.")


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for name, command in (("create", create), ("list", list_tokens), ("revoke", revoke)):
        add(tokens, command, name=name)
    app.add_typer(tokens, name="token", rich_help_panel=panel)


def create(
    owner: Annotated[str, typer.Option(help="User whose token it is; it is made when there is none.")],
    name: Annotated[Optional[str], typer.Option(help="What the token is for.")] = None,  # noqa: UP045 - typer reads it
    days: Annotated[Optional[int], typer.Option(min=1, help="Days until it expires. Default: never.")] = None,  # noqa: UP045
    admin: Annotated[bool, typer.Option("--admin", help="A token with all scopes, of an administrator.")] = False,
    as_json: Json = False,
) -> None:
    """Create a token and print it; it is shown only once.

    Examples:
      epochal token create --owner alice --name laptop --days 90
      epochal token create --owner root --admin

    """
    more = [*(("--name", name) if name else ()), *(("--days", str(days)) if days else ())]
    scopes = ("jobs:read", "jobs:write", "admin") if admin else ()
    token = _store("create", "--owner", owner, *more, *(part for scope in scopes for part in ("--scope", scope)))
    print_result({"owner": owner, "token": token}, token, as_json)


def list_tokens(as_json: Json = False) -> None:
    """List tokens, newest first: user, scopes, age; never the token itself.

    Examples:
      epochal token list
      epochal token list --json

    """
    found = _tokens()
    ids = [one.id for one in found]
    ends = dict(zip(ids, short_ids(ids), strict=True))
    print_list(found, _COLUMNS, lambda one: (ends[one.id], *_cells(one)), as_json)


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
    fits = [one for one in _tokens() if one.id.endswith(token_id.lower())]
    if not fits:
        raise NotFoundError(f"No token has an id that ends with {token_id}: `epochal token list` shows them.")
    if len(fits) > 1:
        listed = "\n".join(f"  {one.id}  {one.user}" for one in fits)
        raise AmbiguousError(f"{token_id} fits {len(fits)} tokens; give the id of one:\n{listed}")
    [token] = fits
    if token.revoked_at is None:
        _store("revoke", token.id)
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


def _tokens() -> list[TokenView]:
    return _LIST.validate_json(_store("list"))


def _store(*arguments: str) -> str:
    """What `python -m store token` prints: no client may open the record itself."""
    read_settings()
    command = [sys.executable, "-m", "store", "token", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise EpochalError(f"`epochal token {arguments[0]}` did nothing; the lines above say why.")
    return done.stdout.strip()
