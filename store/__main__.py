"""Care of the record: `python -m store migrate`, `check`, `mark`, `mirror`, `token create`, `list`, `revoke ID`."""

import argparse
import json
import sys
from collections.abc import Sequence

from spec.findings import FINDINGS
from spec.settings import BadSettingsError, Settings

from .db import connect
from .doctor import examine
from .errors import StoreError, in_full
from .files import BadFilesUrlError, files_at
from .mark import MarkStore
from .mirror import MirrorStore
from .schema import await_schema, migrate
from .tokens import METRICS_READ, SCOPES, TokenStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m store", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser(
        "migrate", help="bring the schema up to date; make sure that EPOCHAL_TOKEN and EPOCHAL_METRICS_TOKEN exist"
    )
    check = verbs.add_parser("check", help="whether the schema is one that this release can work with; 1: it is not")
    check.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="how long to wait for it")
    verbs.add_parser("doctor", help="print what is wrong with record, broker and files, as JSON")
    verbs.add_parser("mark", help="make the files at EPOCHAL_FILES_URL the ones of this record, after they were moved")
    verbs.add_parser("mirror", help="send all runs to MLflow again: it was lost, restored or replaced")
    token = verbs.add_parser("token", help="bearer tokens").add_subparsers(dest="action", required=True)
    create = token.add_parser("create", help="make a token and print it, this once")
    create.add_argument("--owner", required=True, help="the owner of the jobs that it may see")
    create.add_argument(
        "--scope",
        action="append",
        choices=[*SCOPES, METRICS_READ],
        help="what it allows; default: jobs:read, jobs:write",
    )
    create.add_argument("--name", help="what it is for")
    create.add_argument("--days", type=float, help="days until it expires; without, it does not")
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
    try:
        return _do(asked, settings)
    except (BadFilesUrlError, StoreError, OSError) as error:
        print(in_full(error) if isinstance(error, StoreError) else error, file=sys.stderr)
        return 1


def _do(asked: argparse.Namespace, settings: Settings) -> int:
    """Do one of the verbs; the exit status."""
    match asked.verb:
        case "migrate":
            return _migrate(settings)
        case "doctor":
            print(FINDINGS.dump_json(examine(settings)).decode())
            return 0
        case "mark":
            return _mark(settings)
        case "mirror":
            return _mirror(settings)
        case "check":
            if wrong := await_schema(connect(settings.database_url), asked.wait):
                print(wrong, file=sys.stderr)
            return int(wrong is not None)
    return _token(TokenStore(connect(settings.database_url)), asked)


def _migrate(settings: Settings) -> int:
    """Bring the schema up to date, and store the tokens that these settings name; the exit status."""
    migrate(settings.database_url)
    tokens = TokenStore(connect(settings.database_url))
    if settings.token:
        tokens.ensure(settings.token, owner="admin")
    if settings.metrics_token:
        tokens.ensure(settings.metrics_token, owner="prometheus", scopes=[METRICS_READ])
    print("The record is up to date.")
    return 0


def _token(tokens: TokenStore, asked: argparse.Namespace) -> int:
    """Create, list or revoke tokens; the exit status."""
    match asked.action:
        case "create":
            lasts_s = None if asked.days is None else asked.days * 86_400.0
            print(tokens.create(owner=asked.owner, scopes=asked.scope or SCOPES[:2], name=asked.name, lasts_s=lasts_s))
        case "list":
            print(json.dumps([one.model_dump(mode="json") for one in tokens.listed()]))
        case "revoke" if not tokens.revoke(asked.id):
            print(f"No valid token has the id {asked.id}.", file=sys.stderr)
            return 1
    return 0


def _mark(settings: Settings) -> int:
    """Mark the files that these settings name; the exit status."""
    files = files_at(settings.files_url)
    files.check()
    MarkStore(connect(settings.database_url)).renew(files)
    print(f"{files.uri('').rstrip('/')} is the file store of this record. Workers with other files claim nothing.")
    return 0


def _mirror(settings: Settings) -> int:
    """Have all runs sent to MLflow again; the exit status."""
    jobs = MirrorStore(connect(settings.database_url)).again()
    print(f"The mirror sends the runs of {jobs:,} jobs again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
