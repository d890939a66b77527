"""What holds of an embedded stack that is up: it is the only one of its home, nobody else reads it, and it is well."""

import json
import stat
from urllib.parse import urlsplit

import pytest

from epochal.client import Api
from spec.states import JobStatus
from store.files import MARK
from tests.slow_clients import FIRST_BYTES, attack, slowest_answer

from ..services import PATIENCE
from .embedded import Embedded, await_value


def test_a_second_stack_on_one_home_is_refused(stack: Embedded) -> None:
    for flags in ((), ("--detach",)):
        second = stack.epochal("up", *flags)
        assert second.returncode == 1
        assert str(stack.stack.pid) in second.stderr
        assert "epochal down" in second.stderr


def test_no_file_of_the_home_is_readable_by_others(stack: Embedded, client: Api) -> None:
    job_id = client.submit({"dataset": "xor", "epochs": 5}).id
    await_value(lambda: client.job(job_id).status is JobStatus.succeeded, within_s=60.0)
    await_value((stack.home.path / "mlflow" / "mlflow.db").exists)
    held = list(stack.home.path.rglob("*"))
    assert {"epochal.db", "mlflow.db", "api.log", "token", MARK} <= {path.name for path in held}
    assert any(path.parent.parent.name == job_id for path in held)  # the file with its model
    # A closed folder closes what it holds. MLflow's own folders may be open in there: one thread of its server sets
    # the umask to 0 for a moment, to learn what it is, and another one may make a folder meanwhile.
    outermost = {path: path.lstat().st_mode for path in (stack.home.path, *stack.home.path.iterdir())}
    assert [path for path, mode in outermost.items() if not stat.S_ISSOCK(mode) and mode & 0o077] == []


def test_clients_that_never_send_their_bodies_stop_no_stack(stack: Embedded) -> None:
    port = urlsplit(stack.endpoints.api).port
    assert port is not None
    await_value(lambda: all(service.state == "running" for service in stack.home.services()), 120.0)
    with attack(port, FIRST_BYTES["half a body"]):
        assert slowest_answer(port, stack.endpoints.token, for_s=2.0) < 3.0 * PATIENCE  # 15 s and more without a limit


@pytest.mark.thorough
def test_the_doctor_finds_nothing_wrong_with_it(stack: Embedded) -> None:
    await_value(lambda: all(one.state == "running" for one in stack.home.services()), 120.0)
    ran = stack.epochal("doctor", "--json")
    found = json.loads(ran.stdout)
    assert [one for one in found if one["health"] == "wrong"] == []
    assert ran.returncode == 0
    parts = {"stack", "API", "token", "MLflow", "record", "schema", "files", "broker", "workers", "devices"}
    assert parts <= {one["part"] for one in found}
