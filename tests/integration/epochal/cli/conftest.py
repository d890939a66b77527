"""The `epochal` command in this process, whose client asks the API itself, over a record of its own."""

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from rich.console import Console

from epochal import cli
from epochal.client import Api
from spec.states import StopReason
from spec.views import Curve, Metrics
from store.records import Success
from tests.integration.api.conftest import Service, service
from tests.record import empty

WIDTH = 80


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Commands:
    """The command line, on a terminal of 80 columns, and the service that it asks."""

    service: Service
    capture: pytest.CaptureFixture[str]
    terminals: Sequence[io.StringIO]

    def __call__(self, *arguments: str) -> Ran:
        """Run a command."""
        with pytest.raises(SystemExit) as ended:
            cli.app(arguments, prog_name="epochal")
        said, tables = self.capture.readouterr(), [terminal.getvalue() for terminal in self.terminals]
        for terminal in self.terminals:
            terminal.seek(0)
            terminal.truncate()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, tables[0] + said.out, tables[1] + said.err)

    def done(self, *, val_loss: float = 0.25, epochs: int = 3, stopped: StopReason | None = None, **fields: Any) -> str:
        """The id of a job that has succeeded; the last epoch was its best."""
        job_id = self.service.run(epochs=100 if stopped else epochs, **fields)
        losses: list[float | None] = [val_loss + epochs - epoch for epoch in range(1, epochs + 1)]
        points: Curve = {"epoch": [*range(1, epochs + 1)], "train_loss": losses, "val_loss": losses}
        best: Metrics = {"train_loss": val_loss, "val_loss": val_loss, "val_accuracy": 1 - val_loss}
        reason = stopped or StopReason.max_epochs
        end = Success(job_id, 1, reason, best_epoch=epochs, best_metrics=best, metrics=best, points=points)
        assert self.service.store.succeed(end)
        return job_id


@pytest.fixture(scope="package")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service that all commands ask: it takes longer to make than to empty."""
    made = service(tmp_path_factory.mktemp("home"))
    yield made
    made.engine.dispose()


@pytest.fixture
def epochal(asked: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """The command line of a user, whose token is all that the record holds."""
    empty(asked.engine)
    made = replace(asked, token=asked.tokens.create(owner="ann"))

    def client() -> Api:
        return Api("http://localhost", made.token, transport=httpx.WSGITransport(app=made.app), sleep=lambda _: None)

    terminals = [io.StringIO(), io.StringIO()]
    screen, aside = (Console(file=file, width=WIDTH, force_terminal=True, color_system=None) for file in terminals)
    for module in [module for name, module in sys.modules.items() if name.startswith(f"{cli.__name__}.")]:
        for name, of_test in (("Api", client), ("screen", screen), ("aside", aside)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, of_test)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    return Commands(made, capsys, terminals)
