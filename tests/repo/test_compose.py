"""docker-compose.yml is closed where it should be. `make compose-test` runs it."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import healthy
from spec.settings import PREFIX, Settings
from store.doorbell import QUEUE, TASK
from worker.app import create_app
from worker.tasks import register

from .pages import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
SECRETS = ("POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "REDIS_PASSWORD", "EPOCHAL_TOKEN")


def test_the_services_are_those_of_the_deployment() -> None:
    ours = {"migrate", "api", "worker", "worker-gpu", "tracking", "sweeps"}
    assert set(SERVICES) == {"postgres", "redis", "mlflow"} | ours


def test_only_the_api_is_published_and_by_default_on_the_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["${BIND_ADDRESS:-127.0.0.1}:${API_PORT:-8000}:8000"]}


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_has_a_default(secret: str) -> None:
    used = re.findall(rf"\$\{{{secret}([^}}]*)\}}", TEXT)
    assert used
    assert set(used) == {":?run make secrets"}
    assert f'"{secret}"' in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("had", [None, "CLUSTER_ADDRESS=10.0.0.1\nREDIS_PASSWORD=mine"])
def test_make_secrets_adds_the_passwords_that_are_missing(tmp_path: Path, had: str | None) -> None:
    env = tmp_path / ".env"
    if had is not None:
        env.write_text(had)
    make = ["make", f"--file={ROOT / 'Makefile'}", f"--directory={tmp_path}", f"PYTHON={sys.executable}", "secrets"]
    subprocess.run(make, check=True, capture_output=True)
    text = env.read_text()
    values = dict(line.split("=") for line in text.splitlines())
    assert text.startswith(had or "")
    assert set(values) == {*SECRETS, *(["CLUSTER_ADDRESS"] if had else [])}
    assert all(len(values[secret]) >= 64 for secret in SECRETS if secret not in (had or ""))
    assert (values["REDIS_PASSWORD"] == "mine") == (had is not None)
    assert env.stat().st_mode & 0o777 == 0o600
    subprocess.run(make, check=True, capture_output=True)
    assert env.read_text() == text


def test_every_setting_can_be_set_in_compose() -> None:
    parts = [*(ROOT / "deploy" / "compose").glob("*.yml"), ROOT / "docker-compose.yml"]
    given = {name for path in parts for name in re.findall(rf"\b{PREFIX}[A-Z_]+(?=: )", path.read_text())}
    embedded = {"home", "host", "port", "url", "mlflow_public_url"}  # of the embedded stack, and of clients
    elsewhere = {"pod", "failpoints"}  # of Kubernetes, and of tests
    assert given == {PREFIX + name.upper() for name in set(Settings.model_fields) - embedded - elsewhere}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert str(service["user"]).partition(":")[0] in ("10001", "postgres", "redis")
    assert not any(str(volume).startswith("/") for volume in service.get("volumes", ()))


def test_what_is_not_published_cannot_reach_the_outside() -> None:
    networks = yaml.safe_load(TEXT)["networks"]
    assert networks["inside"] == {"internal": True}
    for name, service in SERVICES.items():
        assert ("outside" in service["networks"]) == ("ports" in service), name


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate", "tracking", "sweeps"}))
def test_a_service_that_others_wait_for_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_who_reads_files_has_the_keys_of_a_bucket_and_a_way_to_it() -> None:
    reads = {"api", "worker", "worker-gpu", "tracking"}
    assert {name for name, one in SERVICES.items() if "AWS_ACCESS_KEY_ID" in one.get("environment", {})} == reads
    assert all(SERVICES[name]["environment"]["AWS_SECRET_ACCESS_KEY"] is None for name in reads)  # as it is outside
    bucket = yaml.safe_load((ROOT / "deploy" / "compose" / "bucket.yml").read_text(encoding="utf-8"))["services"]
    assert set(bucket) == reads
    assert all(one.pop("environment") == {"TMPDIR": "/files"} for one in bucket.values())  # /tmp is memory
    assert all(SERVICES[name]["volumes"] == ["files:/files"] for name in reads)
    outside = {"networks": ["inside", "outside"]}
    assert bucket == {"api": {}, **dict.fromkeys(reads - {"api"}, outside)}
    assert opened("webhooks") == {"sweeps"}


def opened(name: str) -> set[str]:
    """The services that a further file lets out, and for which it does nothing else."""
    more = yaml.safe_load((ROOT / "deploy" / "compose" / f"{name}.yml").read_text(encoding="utf-8"))
    assert all(one == {"networks": ["inside", "outside"]} for one in more["services"].values())
    assert set(more["services"]) <= set(SERVICES)
    return set(more["services"])


def test_a_cluster_needs_an_address_and_files_that_every_machine_reaches_but_no_folder() -> None:
    text = (ROOT / "deploy" / "cluster.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {"CLUSTER_ADDRESS", "FILES_URL"}
    assert set(re.findall(r"file://\$|\$\{SHARED_FOLDER\}", text)) == set()  # with S3 there is none


def test_no_secret_stands_on_a_command_line() -> None:
    commands = "\n".join(str(service.get("command", "")) for service in SERVICES.values())
    assert not [secret for secret in SECRETS if secret in commands]


def test_what_a_container_starts_is_there() -> None:
    started = [[str(word) for word in service["command"]] for service in SERVICES.values() if "command" in service]
    for command in started:
        if command[:2] == ["python", "-m"]:
            assert find_spec(f"{command[2]}.__main__"), command
    assert {command[0] for command in started} == {"python", "gunicorn", "sh", "postgres"}
    checks = [service["healthcheck"]["test"] for service in SERVICES.values() if "healthcheck" in service]
    for check in (check for check in checks if "deploy/healthy.py" in check):
        assert callable(getattr(healthy, check[-1]))


def test_workers_listen_where_the_doorbell_rings() -> None:
    app = create_app("redis://127.0.0.1:1/0")
    register(app, lambda: None)
    assert TASK in app.tasks
    assert app.conf.task_default_queue == QUEUE
    assert set(app.amqp.queues) == {QUEUE}
    assert SERVICES["worker"]["command"] == SERVICES["worker-gpu"]["command"] == ["python", "-m", "worker"]


def test_the_worker_with_gpus_has_devices_of_its_own() -> None:
    cpu, gpu = (SERVICES[name]["environment"] for name in ("worker", "worker-gpu"))
    assert (cpu["EPOCHAL_DEVICES"], gpu["EPOCHAL_DEVICES"]) == ("${DEVICES:-auto}", "${GPU_DEVICES:-cuda}")
    assert {**cpu, "EPOCHAL_DEVICES": None} == {**gpu, "EPOCHAL_DEVICES": None}


def test_no_secret_and_no_record_gets_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = set(
        re.findall(r"^COPY (?!--from=)(\S+)", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)
    )
    assert allowed == copied
