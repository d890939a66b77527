"""`epochal doctor` on installations that are well, and on some that are not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.api.conftest import NOBODY
from tests.integration.api.test_process import Running, running
from tests.services import PATIENCE


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("home"), NOBODY, EPOCHAL_MLFLOW_URL="http://127.0.0.1:1") as made:
        yield made


def doctor(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What it says to somebody with these settings, and nothing else of Epochal on the machine."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {f"EPOCHAL_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "epochal", "doctor", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120 * PATIENCE, check=False)


@pytest.mark.thorough
def test_a_user_learns_of_the_api_the_token_and_what_is_behind(api: Running, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{api.port}"
    said = doctor("--json", url=url, token=api.token, home=str(tmp_path))
    found = {one["part"]: one for one in json.loads(said.stdout)}
    assert said.returncode == 1  # MLflow does not answer
    assert {part: one["health"] for part, one in found.items()} == {
        **dict.fromkeys(("settings", "API", "version", "jobs", "token", "devices", "torch"), "ok"),
        "worker": "warning",
        "MLflow": "wrong",
    }
    assert "ann, a user" in found["token"]["says"]
    assert "EPOCHAL_MLFLOW_URL" in found["MLflow"]["fix"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"token": "epo_wrong"}, "wrong, revoked or expired"),
        ({"url": "http://127.0.0.1:1"}, "does not answer"),
        ({"token": ""}, "None is known."),
        ({"token": "epo_\N{BULLET}"}, "cannot be sent"),
        ({"url": "http://[::"}, "cannot be sent"),
        ({"url": "127.0.0.1:8000"}, "does not answer"),
    ],
)
def test_what_a_user_typed_wrong_is_said(
    api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    from epochal import doctor as examined

    monkeypatch.setattr(examined, "_program", lambda *_: [])  # what it says of this machine is tested above
    given = {"url": f"http://127.0.0.1:{api.port}", "token": api.token, "home": str(tmp_path)} | settings
    found = examined.examine({f"EPOCHAL_{name.upper()}": value for name, value in given.items()})
    assert any(said in one.says for one in found), found
    assert any(one.health == "wrong" for one in found)


class Stranger(BaseHTTPRequestHandler):
    """Some other server, whose clock is wrong, too."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Thu, 01 Jan 2015 00:00:00 GMT"

    def log_message(self, *_: object) -> None: ...


class Overtaxed(Stranger):
    """An API that lives, and is too busy to say more."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            super().do_GET()


@contextmanager
def stranger(kind: type[Stranger] = Stranger) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_another_server_is_not_taken_for_an_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from epochal import doctor as examined

    monkeypatch.setattr(examined, "_program", lambda *_: [])
    with stranger() as url:
        found = examined.examine({"EPOCHAL_URL": url, "EPOCHAL_HOME": str(tmp_path)})
        with_token = examined.examine({"EPOCHAL_URL": url, "EPOCHAL_TOKEN": "epo_x", "EPOCHAL_HOME": str(tmp_path)})
    assert "does not answer as it should" in with_token[-1].says
    said = [one.says for one in found]
    assert "What answers there is no API of Epochal." in said
    assert any("behind this machine's" in one for one in said)


def test_an_api_that_is_slow_is_not_taken_for_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from epochal import doctor as examined

    monkeypatch.setattr(examined, "_program", lambda *_: [])
    with stranger(Overtaxed) as url:
        found = examined.examine({"EPOCHAL_URL": url, "EPOCHAL_HOME": str(tmp_path)})
    assert found[-1].says.startswith(f"{url} does not answer as it should")
    assert not [one for one in found if "no API of Epochal" in one.says]


def test_an_api_of_this_machine_is_asked_by_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from epochal import doctor as examined

    monkeypatch.setattr(examined, "_program", lambda *_: [])
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with stranger() as url:
        found = examined.examine({"EPOCHAL_URL": url, "EPOCHAL_HOME": str(tmp_path)})
    assert any(one.says.startswith(f"{url} answers within") for one in found), found


def test_where_nothing_is_known_it_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from epochal import cli
    from epochal import doctor as examined

    monkeypatch.setattr(examined, "_program", lambda *_: [])
    for name in [name for name in os.environ if name.startswith("EPOCHAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "none"))
    with pytest.raises(SystemExit) as ended:
        cli.app(["doctor"], prog_name="epochal")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "epochal up" in said
    assert "wrong     API" in said
