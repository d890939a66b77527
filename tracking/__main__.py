"""The mirror: `python -m tracking`; the embedded MLflow: `python -m tracking serve --bind unix:PATH --home DIR`.

`python -m tracking migrate` brings the database of another MLflow, MLFLOW_BACKEND_STORE_URI, to the installed release.
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from spec.mlflow_address import MlflowAddress
from spec.settings import BadSettingsError, Settings

log = logging.getLogger("tracking")

ROUND_S = 0.25
"""Pause after a round that copied everything."""
MORE_S = 0.05
"""Pause after a round that left something to copy."""


def main() -> int:
    """Mirror until SIGTERM or SIGINT; or become the MLflow server."""
    parser = argparse.ArgumentParser(prog="python -m tracking", description=__doc__)
    verbs = parser.add_subparsers(dest="verb")
    serve = verbs.add_parser("serve", help="become the MLflow server of an embedded stack")
    serve.add_argument("--bind", required=True, help="unix:PATH, which only this user reaches, or HOST:PORT")
    serve.add_argument("--home", type=Path, required=True, help="folder of its database and artifacts")
    verbs.add_parser("migrate", help="bring MLFLOW_BACKEND_STORE_URI to the schema of the MLflow that is installed")
    options = parser.parse_args()
    if options.verb == "migrate":
        return _migrate(os.environ.get("MLFLOW_BACKEND_STORE_URI", ""))
    if options.verb == "serve":
        from .serve import serve as become_server

        become_server(bind=options.bind, home=options.home.absolute())
        return 0
    from store import service

    return service.serve(load)


def _migrate(url: str) -> int:
    """Migrate MLflow's database; the exit status."""
    logging.basicConfig(format="%(message)s")
    if not url:
        log.error("MLFLOW_BACKEND_STORE_URI is not set: there is no database to migrate.")
        return 2
    from .migration import MlflowSchemaError, migrate

    try:
        migrate(url)
    except MlflowSchemaError as error:
        log.error("%s", error)
        return 1
    return 0


def load() -> Callable[[Settings, threading.Event], None]:
    """Import what mirrors."""
    from store.db import connect
    from store.files import BadFilesUrlError, files_at
    from store.jobs import JobStore
    from store.mirror import MirrorStore
    from store.parents import ParentStore
    from store.service import in_rounds
    from store.sweep_results import SweepResults
    from store.writes import Writes

    from .links import Links
    from .mirror import Mirror
    from .mlflow import Mlflow
    from .parents import Parents
    from .serve import NICE

    def run(settings: Settings, stop: threading.Event) -> None:
        """Mirror in rounds until `stop`. Raises `BadSettingsError` without an MLflow server or a file store."""
        if not settings.mlflow_url:
            raise BadSettingsError("EPOCHAL_MLFLOW_URL is not set: there is no MLflow server to mirror to.")
        try:
            files = files_at(settings.files_url)
        except BadFilesUrlError as error:
            raise BadSettingsError(str(error)) from error
        os.nice(NICE)
        engine = connect(settings.database_url)
        with Mlflow(settings.mlflow_url) as mlflow:
            links = Links(settings.public_url, settings.mlflow_public_url)
            parents = Parents(ParentStore(engine), SweepResults(engine), mlflow, links)
            mirror = Mirror(JobStore(engine), MirrorStore(engine), parents, mlflow, files, links)
            log.info("mirroring to %s", MlflowAddress.of(settings.mlflow_url).without_password)
            in_rounds(mirror.round, Writes(engine), stop, pause_s=ROUND_S, more_s=MORE_S, log=log)
            mirror.close()

    return run


if __name__ == "__main__":
    sys.exit(main())
