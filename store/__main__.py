"""Care of the record: `python -m store migrate`, `python -m store token create --owner NAME`, `list`, `revoke ID`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from spec.settings import BadSettingsError, Settings

from .db import connect, migrate
from .tokens import TokenStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m store", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("migrate", help="bring the schema up to date; with EPOCHAL_TOKEN, make sure that token exists")
    token = verbs.add_parser("token", help="bearer tokens").add_subparsers(dest="action", required=True)
    create = token.add_parser("create", help="make a token and print it, this once")
    create.add_argument("--owner", required=True, help="the owner of the jobs that it may see")
    token.add_parser("list", help="print all tokens as JSON, without their secrets")
    token.add_parser("revoke", help="end a token at once").add_argument(
        "id", help="the token's id, as `list` prints it"
    )
    asked = parser.parse_args(arguments)
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.verb == "migrate":
        migrate(settings.database_url)
        if settings.token:
            TokenStore(connect(settings.database_url)).ensure(settings.token, owner="admin")
        print("The record is up to date.")
        return 0
    tokens = TokenStore(connect(settings.database_url))
    match asked.action:
        case "create":
            print(tokens.create(owner=asked.owner))
        case "list":
            print(json.dumps([asdict(one) for one in tokens.listed()], default=lambda at: at.isoformat()))
        case "revoke" if not tokens.revoke(asked.id):
            print(f"No valid token has the id {asked.id}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
