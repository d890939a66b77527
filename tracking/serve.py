"""The MLflow server of the embedded stack, with what a laptop needs and no more.

`mlflow server` is a process that starts another: ten seconds and 500 MB. Here the same application runs in one
process, in half of both. What is named below are MLflow's own names: a release that has others fails at the import.
"""

import os
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes, and code execution for whoever asks
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "_MLFLOW_SGI_NAME": "uvicorn",
}

ASSISTANT = "/mlflow/assistant"
"""Where MLflow's assistant answers: it runs commands on this machine for whoever reaches the port, and asks no name."""


def serve(*, host: str, port: int, home: Path) -> None:
    """Be the MLflow server until told to end."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(ENVIRONMENT)  # MLflow reads them as it is imported

    import uvicorn  # before MLflow, which guards its routes only where it sees that it is served
    from mlflow.server import constants

    database, root = f"sqlite:///{home / 'mlflow.db'}", "mlflow-artifacts:/"
    os.environ.update(
        {
            constants.BACKEND_STORE_URI_ENV_VAR: database,
            constants.ARTIFACT_ROOT_ENV_VAR: root,
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
            constants.ARTIFACTS_DESTINATION_ENV_VAR: (home / "artifacts").as_uri(),
        }
    )
    from mlflow.server.handlers import initialize_backend_stores

    event.listen(Engine, "connect", log_ahead)
    initialize_backend_stores(database, database, root)  # or the first requests would do it, all at once
    from mlflow.server.fastapi_app import app

    uvicorn.run(
        without_assistant(app),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,  # a client that keeps its question open must not keep the stack up
    )


def log_ahead(connection: DBAPIConnection, _: object) -> None:
    """Let SQLite write ahead (WAL): a commit waits for the disk once instead of three times, and is as durable."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def without_assistant(app: ASGIApp) -> ASGIApp:
    """The same application, in which nobody finds the assistant."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        shut = scope["type"] == "http" and ASSISTANT in scope["path"]
        await (Response(status_code=404) if shut else app)(scope, receive, send)

    return answer
