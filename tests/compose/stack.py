"""A compose stack beside any other on this machine: a project, ports, secrets and volumes of its own."""

import os
import secrets
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from epochal.client import Api

from ..services import free_port

ROOT = Path(__file__).parents[2]
SECRETS = ("POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "REDIS_PASSWORD", "EPOCHAL_TOKEN")
PUBLIC_HOST = "epochal.example"


class Compose:
    """docker-compose.yml, unchanged, with two workers."""

    def __init__(self) -> None:
        self.secrets = {name: secrets.token_hex(32) for name in SECRETS}
        self.token = self.secrets["EPOCHAL_TOKEN"] = f"epo_{self.secrets['EPOCHAL_TOKEN']}"
        self.api = f"http://127.0.0.1:{(api_port := free_port())}"
        self.mlflow = f"{self.api}/mlflow"
        self._project = f"epochal-test-{uuid.uuid4().hex[:8]}"
        self._environ: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")},
            **self.secrets,
            "IMAGE_TAG": "test",
            "API_PORT": str(api_port),
            "PUBLIC_URL": self.api,
            "PUBLIC_HOST": PUBLIC_HOST,
        }

    def up(self) -> None:
        """Build the image, start every service, and wait until each is healthy."""
        self("build", "--quiet", timeout_s=1800)
        self("up", "--detach", "--wait", "--wait-timeout", "600", "--scale", "worker=2", timeout_s=700)

    def down(self) -> None:
        """Take it down with all its data."""
        self("down", "--volumes", "--timeout", "5", timeout_s=120)

    def logs(self) -> str:
        """The end of what every service said."""
        return self("logs", "--no-color", "--tail", "40")

    def client(self) -> Api:
        """A client of this stack."""
        return Api(self.api, self.token)

    def without(self, secret: str) -> str:
        """What compose says when a secret is missing."""
        environ = {name: value for name, value in self._environ.items() if name != secret}
        command = ["docker", "compose", "--env-file", os.devnull, "config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ, timeout=60, check=False)
        assert done.returncode != 0
        return done.stderr

    def container_of(self, worker: str) -> str:
        """The container in which a worker runs: it calls itself by its host's name, and that is the container's id."""
        return worker.partition("-")[0]

    def pid(self, container: str) -> int:
        """The first process of a container, as this machine sees it."""
        return int(docker("inspect", "--format", "{{.State.Pid}}", container))

    def __call__(self, *arguments: str, timeout_s: float = 120) -> str:
        """What `docker compose` prints. Fails with what it complained about."""
        command = ("compose", "--project-name", self._project, "--env-file", os.devnull, *arguments)
        return docker(*command, environ=self._environ, timeout_s=timeout_s)


def docker(*arguments: str, environ: Mapping[str, str] | None = None, timeout_s: float = 60) -> str:
    """What `docker` prints. Fails with what it complained about."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, cwd=ROOT, env=environ, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()
