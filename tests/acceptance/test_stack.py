"""How an embedded stack begins, and that it ends as a whole."""

import os
import signal
import socket
from pathlib import Path

import pytest

from epochal.stack.home import Home
from store import db, schema
from store.tokens import TokenStore

from .embedded import Embedded, await_value


def test_a_taken_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        embedded = Embedded(tmp_path, environ={"EPOCHAL_PORT": str(port)})
        refused = embedded.epochal("up")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "EPOCHAL_PORT" in refused.stderr
    assert not embedded.processes()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_the_stack(tmp_path: Path, kind: signal.Signals) -> None:
    embedded = Embedded(tmp_path)
    try:
        embedded.start()
        embedded.pid("tracking")
        assert len(embedded.processes()) >= 6
        assert embedded.stack.pid is not None
        os.kill(embedded.stack.pid, kind)
        await_value(lambda: not embedded.processes(), 30.0)
    finally:
        embedded.stop()
    if kind is not signal.SIGKILL:
        assert embedded.stack.exit_status() == 0
        assert embedded.home.endpoints() is None


def test_a_detached_stack_is_up_until_it_is_told_to_go_down(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path, environ={"EPOCHAL_MLFLOW_URL": "http://127.0.0.1:9"})
    embedded.home.create()
    revoked = _revoked_token(embedded.home)
    up = embedded.epochal("up", "--detach", "--workers", "0")
    assert up.returncode == 0, up.stderr
    try:
        assert embedded.epochal("status").returncode == 0  # which shows that the API knows its token
        endpoints = embedded.home.endpoints()
        assert endpoints is not None
        assert endpoints.token == embedded.home.token() != revoked
        assert endpoints.api in up.stdout
        assert endpoints.token not in up.stdout  # a link that signs in is for a terminal only
        assert all(endpoints.token not in log.read_text() for log in embedded.home.logs.iterdir())
    finally:
        down = embedded.epochal("down")  # which sends SIGTERM
    assert (down.returncode, down.stdout.strip()) == (0, "Stopped.")
    await_value(lambda: not embedded.processes(), 5.0)
    assert embedded.epochal("status").returncode == 3
    assert embedded.epochal("submit", "--dataset", "xor").returncode == 3


def _revoked_token(home: Home) -> str:
    """The token of a home, which somebody has revoked."""
    url = f"sqlite:///{home.path}/epochal.db"
    schema.migrate(url)
    engine = db.connect(url)
    tokens = TokenStore(engine)
    tokens.ensure(home.token(), owner="admin")
    (token,) = tokens.listed()
    assert tokens.revoke(token.id)
    engine.dispose()
    return home.token()
