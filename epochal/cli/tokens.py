"""Commands for tokens: create, list, revoke. They act on the database that EPOCHAL_DATABASE_URL names."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Optional

import typer
from rich.table import Table
from rich.text import Text

from ..client.words import DASH, short, short_ids
from ..errors import AmbiguousError, EpochalError, NotFoundError
from .console import Json, print_json, screen
from .help import add, group
from .stack import read_settings

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
    typer.echo(json.dumps({"owner": owner, "token": token}) if as_json else token)


def list_tokens(as_json: Json = False) -> None:
    """List tokens, newest first: owner, scopes, age; never the token itself.

    Examples:
      epochal token list
      epochal token list --json

    """
    found = _tokens()
    if as_json:
        print_json(found)
    else:
        screen.print(tokens_table(found))


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
    fits = [one for one in _tokens() if one["id"].endswith(token_id.lower())]
    if not fits:
        raise NotFoundError(f"No token has an id that ends with {token_id}: `epochal token list` shows them.")
    if len(fits) > 1:
        listed = "\n".join(f"  {one['id']}  {one['owner']}" for one in fits)
        raise AmbiguousError(f"{token_id} fits {len(fits)} tokens; give the id of one:\n{listed}")
    [token] = fits
    if token["revoked_at"] is None:
        _store("revoke", token["id"])
    typer.echo(json.dumps({"revoked": token["id"]}) if as_json else f"{short(token['id'])} {token['owner']}: revoked")


def tokens_table(found: list[dict[str, Any]]) -> Table:
    """One line per token."""
    table = Table(
        "id", "owner", "state", "name", "scopes", "created (UTC)", box=None, header_style="bold", pad_edge=False
    )
    for one, end in zip(found, short_ids([one["id"] for one in found]), strict=True):
        created = datetime.fromisoformat(one["created_at"]).astimezone(UTC)
        scopes = ", ".join(sorted(one["scopes"])) or DASH
        table.add_row(
            end, Text(one["owner"]), _state(one), Text(one["name"] or DASH), scopes, f"{created:%Y-%m-%d %H:%M}"
        )
    return table


def _state(token: dict[str, Any]) -> str:
    if token["revoked_at"] is not None:
        return "revoked"
    expires = token["expires_at"]
    return "expired" if expires is not None and datetime.fromisoformat(expires) <= datetime.now(UTC) else "valid"


def _tokens() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_store("list"))
    return found


def _store(*arguments: str) -> str:
    """What `python -m store token` prints: no client may open the record itself."""
    read_settings()
    command = [sys.executable, "-m", "store", "token", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise EpochalError(f"`epochal token {arguments[0]}` did nothing; the lines above say why.")
    return done.stdout.strip()
