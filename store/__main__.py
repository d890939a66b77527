"""Care of the record: `python -m store migrate`, `python -m store token create --owner NAME`."""

import argparse
import sys

from spec.settings import BadSettingsError, Settings

from .db import connect, migrate
from .tokens import TokenStore


def main() -> int:
    """Do what the command line asks; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m store", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("migrate", help="bring the schema up to date; with EPOCHAL_TOKEN, make sure that token exists")
    token = verbs.add_parser("token", help="bearer tokens").add_subparsers(dest="action", required=True)
    create = token.add_parser("create", help="make a token and print it, this once")
    create.add_argument("--owner", required=True, help="the owner of the jobs that it may see")
    arguments = parser.parse_args()
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.verb == "migrate":
        migrate(settings.database_url)
        if settings.token:
            TokenStore(connect(settings.database_url)).ensure(settings.token, owner="admin")
        print("The record is up to date.")
    else:
        print(TokenStore(connect(settings.database_url)).create(owner=arguments.owner))
    return 0


if __name__ == "__main__":
    sys.exit(main())
