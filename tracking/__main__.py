"""The mirror: `python -m tracking`; the embedded MLflow: `python -m tracking serve --bind unix:PATH --home DIR`."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

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
    options = parser.parse_args()
    if options.verb == "serve":
        from .serve import serve as become_server

        become_server(bind=options.bind, home=options.home.absolute())
        return 0
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if not settings.mlflow_url:
        print("EPOCHAL_MLFLOW_URL is not set: there is no MLflow server to mirror to.", file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)
    return 0


def run(settings: Settings, stop: threading.Event) -> None:
    """Mirror in rounds until `stop`."""
    from store.db import connect
    from store.errors import StoreError
    from store.files import files_at
    from store.jobs import JobStore
    from store.mirror import MirrorStore
    from store.parents import ParentStore
    from store.sweeps import SweepStore

    from .links import Links
    from .mirror import Mirror
    from .mlflow import Mlflow
    from .parents import Parents

    engine = connect(settings.database_url)
    with Mlflow(settings.mlflow_url) as mlflow:
        links = Links(settings.public_url, settings.mlflow_public_url)
        parents = Parents(ParentStore(engine), SweepStore(engine), mlflow, links)
        mirror = Mirror(JobStore(engine), MirrorStore(engine), parents, mlflow, files_at(settings.files_url), links)
        log.info("mirroring to %s", settings.mlflow_url)
        available = more = True
        while not stop.wait(MORE_S if more else ROUND_S):
            try:
                more = mirror.round()
                available = True
            except StoreError as error:
                if available:
                    log.warning("the database does not answer: %s", error)
                more = available = False
        mirror.close()


if __name__ == "__main__":
    sys.exit(main())
