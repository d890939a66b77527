"""Sweeps as handles: what is asked of the API, and what is said while they run."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from epochal.client.sweep_progress import Pace, drawn, facts, value_text
from epochal.client.waiting import wait_for_sweep
from epochal.errors import BadSpecError, NotEndedError, NotFoundError, WrongUseError
from spec.states import JobStatus, SweepState, TrialState
from spec.sweep import SweepSpec
from spec.sweep_views import SweepView

from .jobs import Clock, api_of, client_of

ID = "0193a5b2-7c1e-7d31-a7b4-5d0c4f2a91c7"
SPEC = {"base": {"dataset": "iris"}, "space": {"learning_rate": {"log_uniform": [0.01, 0.1]}}, "trials": 8}


def standing(number: int, *scores: float) -> dict[str, Any]:
    mean = sum(scores) / len(scores)
    return {
        **{"number": number, "generation": 0, "configuration": {"learning_rate": 0.05}, "state": "finished"},
        **{"score": mean, "deviation": None, "metrics": {"val_loss": mean}, "epochs": 9, "low": None, "high": None},
        **{"jobs": [f"job-{place}" for place in range(len(scores))], "scores": list(scores), "links": {}},
    }


def sweep(state: str = "running", ended: int = 2, epochs: int = 10, **changed: Any) -> dict[str, Any]:
    trials = dict.fromkeys(TrialState, 0) | {TrialState.finished: ended, TrialState.open: 8 - ended}
    return {
        **{"id": ID, "name": "rates", "state": state, "message": None, "method": "random", "objective": "val_loss"},
        **{"most_trials": 8, "proposed": 8, "best": 0.5, "created_at": "2026-01-01T00:00:00Z", "finished_at": None},
        **{"links": {}, "generations": 1, "trials": trials, "jobs": dict.fromkeys(JobStatus, 0), "epochs": epochs},
        **{"leaderboard": [standing(3, 0.6, 0.4)], "comparison": {"sentence": "#3 is best.", "others": []}},
        **{"rungs": [], "importances": None, "spec": SweepSpec.model_validate(SPEC).model_dump(mode="json")},
        **changed,
    }


def view(**changed: Any) -> SweepView:
    return SweepView.model_validate(sweep(**changed))


class Server:
    """Answers with one sweep after the other, the last for ever."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.bodies = list(answers), list[Any]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.content:
            self.bodies.append(json.loads(request.content))
        if request.url.path.endswith("/sweeps") and request.method == "GET":
            return httpx.Response(200, json={"sweeps": [], "next": None})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(200, json=answer)


def test_a_base_and_a_space_are_a_sweep_and_fields_of_parts_stand_alone() -> None:
    server = Server(sweep())
    client = client_of(server)
    client.sweep({"dataset": "iris", "hidden": [4]}, {"hidden": [[4], [8]]}, method="grid", seeds=3)
    assert server.bodies[-1] == {
        "base": {"dataset": {"name": "iris"}, "architecture": {"type": "mlp", "hidden": [4]}},
        "space": {"architecture.hidden": {"choice": [[4], [8]]}},
        "method": "grid",
        "trials": 100_000,  # all of them
        "seeds": 3,
    }
    client.sweep(SPEC, trials=9)
    assert server.bodies[-1]["trials"] == 9


def given(**changed: Any) -> dict[str, Any]:
    """A sweep of three configurations, as the API answers it."""
    listed = [{"learning_rate": 0.1, "epochs": 7}, {"learning_rate": 0.01}, {}]
    spec = {"base": {"dataset": "iris"}, "method": "given", "configurations": listed}
    return sweep(spec=SweepSpec.model_validate(spec).model_dump(mode="json"), method="given", **changed)


def test_given_configurations_are_a_sweep_as_a_whole_or_beside_a_base() -> None:
    server = Server(given())
    client = client_of(server)
    client.sweep({"base": {"dataset": "iris"}, "method": "given", "configurations": [{"learning_rate": 0.1}, {}]})
    assert server.bodies[-1]["configurations"] == [{"learning_rate": 0.1}, {}]
    client.sweep({"dataset": "iris"}, method="given", configurations=[{"hidden": [4]}, {"lr": np.float64(0.5)}])
    assert server.bodies[-1]["configurations"] == [{"architecture.hidden": [4]}, {"learning_rate": 0.5}]
    assert server.bodies[-1]["base"]["dataset"] == {"name": "iris"}


def test_given_configurations_are_replaced_in_a_whole_sweep(tmp_path: Path) -> None:
    server = Server(given())
    client = client_of(server)
    whole = {"base": {"dataset": "iris"}, "method": "given", "configurations": [{}], "seeds": 2}
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps(whole), encoding="utf-8")
    for form in (whole, file, SweepSpec.model_validate(whole)):
        client.sweep(form, configurations=[{"lr": 0.5}])
        assert server.bodies[-1]["configurations"] == [{"learning_rate": 0.5}]
        assert (server.bodies[-1]["method"], server.bodies[-1]["seeds"]) == ("given", 2)
        assert server.bodies[-1]["base"]["dataset"] == {"name": "iris"}


def test_given_configurations_are_drawn_and_tabled_with_what_they_vary() -> None:
    trial = {name: value for name, value in standing(0, 0.5).items() if name not in ("low", "high", "scores")}
    metrics = {"val_loss": 0.5, "learning_rate": 0.09}
    trials = [
        {**trial, "number": number, "configuration": one, "metrics": metrics, "epochs": 3}
        for number, one in enumerate(given()["spec"]["configurations"])
    ]

    def handle(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/trials")
        return httpx.Response(200, json={"trials": trials, "next": None} if is_list else given(state="finished"))

    found = client_of(handle).find_sweep(ID)
    frame = found.to_frame()
    assert frame["learning_rate"].tolist()[:2] == [0.1, 0.01]  # and not what the scheduler made of it
    assert (frame["epochs"][0], frame["epochs trained"].tolist()) == (7, [3, 3, 3])
    axes = {name: Figure().add_subplot() for name in ("learning_rate", "epochs")}
    found.plot(axes=axes)
    drawn_at = np.asarray(axes["learning_rate"].collections[0].get_offsets())
    assert drawn_at[:2].tolist() == [[0.1, 0.5], [0.01, 0.5]]


def test_what_is_asked_of_a_sweep_is_a_request_and_its_answer_is_known() -> None:
    asked = list[tuple[str, str]]()

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path.partition(ID)[2]))
        return httpx.Response(200, json=sweep(state="finished" if request.method == "GET" else "running"))

    found = client_of(handle).find_sweep(ID)
    assert [ask().state for ask in (found.pause, found.resume, found.retry, found.cancel)] == [SweepState.running] * 4
    with pytest.raises(WrongUseError, match=r"No state is given\. A configuration is "):
        found.trials(state=[])
    assert asked == [("GET", ""), *(("POST", f"/{verb}") for verb in ("pause", "resume", "retry", "cancel"))]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        ({"type": "sgd", "momentum": 0.9}, "sgd (momentum 0.9)"),
        ({"type": "sgd"}, "sgd"),
        ({"name": "xor", "noise": 0.25, "rows": 9}, "xor (noise 0.25, rows 9)"),
        ({"a": 1}, "a 1"),
        ([8, 4], "[8, 4]"),
        (None, "none"),
        (True, "true"),
    ],
)
def test_values_of_a_configuration_are_told_apart(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_what_is_no_sweep_is_refused_without_a_server() -> None:
    client = client_of(Server(sweep()))
    with pytest.raises(WrongUseError, match="space"):
        client.sweep({"dataset": "iris"})
    with pytest.raises(BadSpecError) as refused:
        client.sweep({"dataset": "iris"}, {"learning_rat": [0.1]})
    assert refused.value.errors[0].path == "space.learning_rat"
    with pytest.raises(NotFoundError, match="rates"):
        client.find_sweep("rates")


def test_a_wait_ends_with_the_sweep_or_with_its_time() -> None:
    handle = client_of(Server(sweep(), sweep(), sweep(state="finished", ended=8))).sweep(SPEC)
    assert handle.wait(progress=False).state is SweepState.finished
    assert handle.best is not None
    assert handle.sentence == "#3 is best."
    assert "finished, 8 configurations, best val_loss 0.5" in repr(handle)
    with pytest.raises(NotEndedError, match="goes on"):
        client_of(Server(sweep())).sweep(SPEC).wait(0.0, progress=False)


@pytest.mark.parametrize(("objective", "best"), [("val_loss", "job-1"), ("val_accuracy", "job-0")])
def test_the_best_job_is_that_of_the_best_seed(objective: str, best: str) -> None:
    job = client_of(Server(sweep(objective=objective))).sweep(SPEC).best_job
    assert job is not None
    assert job.id == best


def test_a_slow_server_that_fails_is_asked_again_soon_and_no_sleep_goes_past_the_timeout() -> None:
    clock, slept = Clock(), list[float]()
    answers = iter([httpx.ConnectError("restarting")] * 4 + [httpx.Response(200, json=sweep())] * 9)

    def handle(_: httpx.Request) -> httpx.Response:
        clock.sleep(2.0)
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.sleep(seconds)

    with pytest.raises(NotEndedError, match="within 30 s"):
        wait_for_sweep(api_of(handle), ID, lambda _: None, timeout_s=30.0, sleep=sleep, clock=clock)
    assert slept == pytest.approx([0.3, 10.0, 7.7])
    assert clock.now == pytest.approx(32.0)


def test_the_pace_is_that_since_the_first_look() -> None:
    times = iter([0.0, 10.0, 20.0])
    pace = Pace(lambda: next(times))
    assert pace.seen(view(ended=0, epochs=0)) == (None, None)
    assert pace.seen(view(ended=0, epochs=30)) == (3.0, None)
    assert pace.seen(view(ended=4, epochs=100)) == (5.0, 20.0)


def test_progress_says_states_speed_rungs_and_the_best() -> None:
    rung = {"epoch": 3, "pruned": True, "correlation": 0.75, "configurations": 9}
    running = view(rungs=[rung], jobs=dict.fromkeys(JobStatus, 0) | {JobStatus.running: 6})
    assert facts(running, (12.0, 34.0)) == [
        ("configurations", "2 of 8 (6 open, 2 finished)"),
        ("jobs", "6 (6 running)"),
        ("speed", "12 epochs a second, about 34 s left"),
        ("rungs", "correlation with the end 0.75 after epoch 3"),
    ]
    terminal = io.StringIO()
    Console(file=terminal, width=80).print(drawn(running, (None, None)))
    assert "learning_rate 0.05" in terminal.getvalue()
    assert facts(view(message="The queue is full."), (None, None))[0] == ("message", "The queue is full.")


def test_a_budget_is_no_number_of_configurations() -> None:
    budgeted = view(most_trials=100_000, budget={"epochs": 500})
    times = iter([0.0, 10.0])
    pace = Pace(lambda: next(times))
    pace.seen(view(ended=0, epochs=0, budget={"epochs": 500}))
    assert pace.seen(budgeted) == (1.0, None)
    assert facts(budgeted, (1.0, None))[0] == ("configurations", "2 (6 open, 2 finished)")
