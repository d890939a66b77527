"""The MLflow server of the embedded stack: what a laptop needs, and no more.

`mlflow server` starts four servers and the processes for its jobs: 15 processes, half a minute and 2 GB. Here gunicorn
serves only the part that keeps runs and shows them. MLflow's gateway, its jobs and its assistant, which runs commands
for anybody who reaches the port, are left out.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

NICE = 10
"""The niceness of the mirror and of MLflow's workers, once they have started.

Where all cores are busy, the trainers (5) run before them, for a chart may be a little late. The processes that draw
pictures (15) run after them.
"""

ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes, and code execution for whoever asks
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "_MLFLOW_SGI_NAME": "gunicorn",
}


def serve(*, bind: str, home: Path) -> NoReturn:
    """Become the MLflow server at `bind`, HOST:PORT or unix:PATH, with its database and artifacts below `home`."""
    home.mkdir(parents=True, exist_ok=True)
    where = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{quote(str(home / 'mlflow.db'))}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": (home / "artifacts").as_uri(),
    }
    command = [sys.executable, "-P", "-m", "gunicorn", "--config", "python:tracking.gunicorn", "--bind", bind]
    os.execve(sys.executable, [*command, "mlflow.server:app"], {**os.environ, **ENVIRONMENT, **where})  # noqa: S606 - no shell is wanted
