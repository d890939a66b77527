"""Sweeps through the embedded stack: the page of the documentation, and a controller that is killed."""

import ast
import os
import re
import shlex
import signal
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from epochal import Client
from spec.states import JobStatus, SweepState, TrialState

from ..services import PATIENCE
from .embedded import ROOT, Embedded, await_value

PAGE = ROOT / "docs" / "sweeps.md"


@pytest.fixture
def people(stack: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that finds the stack by itself, as a user's does."""
    monkeypatch.setenv("EPOCHAL_URL", stack.endpoints.api)
    monkeypatch.setenv("EPOCHAL_TOKEN", stack.endpoints.token)
    mpl.use("agg")
    with Client() as client:
        await_value(client.workers)
        yield client
    pyplot.close("all")


@pytest.mark.thorough
def test_the_lines_of_the_page(stack: Embedded, people: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = PAGE.read_text(encoding="utf-8")
    said = ""
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            done = stack.epochal(*shlex.split(line)[1:])
            assert done.returncode == 0, done.stderr
            said += done.stdout
    assert "thirty jobs" in text
    assert re.search(r"jobs +30 ", said)
    assert said.count("95 % interval") == 2
    names: dict[str, Any] = {"__name__": "__main__"}
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(ast.parse(code), "page", "exec"), names)  # noqa: S102 - the examples that users run
    sweep = names["sweep"]
    assert sweep.state is SweepState.finished
    assert len(sweep.to_frame()) == 4
    assert sweep.best_job.status is JobStatus.succeeded
    assert people.find_sweep(sweep.id[-8:]).best == sweep.best
    names["client"].close()


def test_a_sweep_ends_though_its_controller_is_killed(stack: Embedded, people: Client) -> None:
    base = {"dataset": "xor", "epochs": 2, "hidden": [2]}
    space = {"learning_rate": {"log_uniform": [1e-3, 1.0]}}
    sweep = people.sweep(base, space, method="random", trials=4, generation=1, parallel=1)
    await_value(lambda: sweep.refresh().view.proposed)
    killed = stack.pid("sweeps")
    os.kill(killed, signal.SIGKILL)
    sweep.wait(60 * PATIENCE, progress=False)
    assert stack.pid("sweeps") != killed
    assert (sweep.state, sweep.view.trials[TrialState.finished], sweep.view.jobs[JobStatus.succeeded]) == (
        SweepState.finished,
        4,
        4,
    )
    again = people.sweep(base, space, method="random", trials=4, generation=1, parallel=1).wait(
        60 * PATIENCE, progress=False
    )
    tables = [[(one.configuration, one.metrics) for one in each.trials()] for each in (sweep, again)]
    assert tables[0] == tables[1]
