import io
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from epochal.cli.console import LEAST_WIDTH, console_of, listed_ids, show_table
from epochal.cli.figures import duration, sparkline
from epochal.cli.render import events_table, job_card, jobs_table, outcome, results_table, status_text, summary
from epochal.cli.render_check import check_card
from epochal.cli.render_service import queue_table, services_table, workers_table
from epochal.client import bars
from epochal.client.words import interval, metric, metric_label, number, percent
from epochal.stack.home import ServiceState
from spec.states import JobStatus
from spec.views import Check, EventView, QueueView, Training, WorkerView

from ..jobs import ID, job

NOW = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
DONE = {
    "status": "succeeded",
    "stop_reason": "early_stopping",
    "verdict": {
        "kind": "good",
        "sentence": "Good: it generalises well.",
        "gap": 0.1,
        "best_epoch": 3,
        "suggestion": None,
    },
    "best": {"epoch": 7, "metrics": {"val_loss": 0.25, "val_accuracy": 0.975, "train_loss": None}},
    "metrics": {"train_loss": 0.1, "val_loss": 0.3},
}


def shown(what: RenderableType, width: int = 200) -> str:
    """What a terminal would show."""
    out = io.StringIO()
    Console(file=out, width=width).print(what)
    return out.getvalue()


def test_a_list_of_jobs_has_a_line_for_each() -> None:
    text = shown(jobs_table([job(), job(**DONE)], now=NOW))
    assert text.count(ID[-8:]) == 2
    assert "0.25" in text  # of the best epoch, not of the last
    assert "2 min" in text
    assert "xor" in text


def test_results_show_the_best_epoch_and_why_it_stopped() -> None:
    text = shown(results_table([job(**DONE), job()]))
    assert "97.5 %" in text
    assert "early stop" in text
    assert "queued" in text


def test_a_card_says_all_about_a_job() -> None:
    text = shown(job_card(job(**DONE, tags={"a": "b"}, worker="w1", device="cpu:0", pack_size=8, attempt=1), now=NOW))
    for part in (
        ID,
        "a=b",
        "w1 on cpu:0, in a pack of 8",
        "Good: it generalises well.",
        "epoch 7: validation loss 0.25, validation accuracy 97.5 %",
    ):
        assert part in text


def test_an_address_is_whole_in_a_narrow_terminal() -> None:
    mlflow = {
        "run_id": "r" * 32,
        "url": f"http://127.0.0.1:8000/mlflow/#/experiments/1/runs/{'r' * 32}?workflowType=all",
    }
    text = shown(job_card(job(**DONE, mlflow=mlflow), now=NOW), LEAST_WIDTH)
    assert mlflow["url"] in "".join(text.split())
    terminal = Console(file=io.StringIO(), width=LEAST_WIDTH, force_terminal=True)
    with terminal.capture() as captured:
        terminal.print(job_card(job(**DONE, mlflow=mlflow), now=NOW))
    assert captured.get().count(f";{mlflow['url']}\x1b") == 2  # each of its two lines is a link to the whole


def test_metrics_have_the_names_that_people_know_and_their_units() -> None:
    names = ("val_macro_f1", "train_roc_auc", "val_rmse", "generalization_gap")
    words = ["validation macro F1", "training ROC AUC", "validation RMSE", "generalization gap"]
    assert [metric_label(name) for name in names] == words
    assert interval("val_accuracy", 0.9547, 0.9786) == "95.5 % to 97.9 %"
    assert interval("val_loss", 0.0055, 0.1384) == "0.0055 to 0.1384"


def test_a_queued_job_says_why_it_waits_and_when_it_starts() -> None:
    place: dict[str, Any] = {"position": 3, "why": "2 jobs are ahead of it.", "estimated_start_at": None}
    assert "position 3: 2 jobs are ahead of it." in shown(job_card(job(queue=place), now=NOW))
    soon = place | {"estimated_start_at": "2026-01-01T00:03:00Z"}
    assert "It starts in about 1 min." in shown(job_card(job(queue=soon), now=NOW))
    assert "far back: " in shown(job_card(job(queue=place | {"position": None}), now=NOW))


@pytest.mark.parametrize(
    ("requested", "shown_status"),
    [
        ({"cancel_requested": True, "pause_requested": True}, "running (to be cancelled)"),
        ({"pause_requested": True}, "running (to be paused)"),
        ({}, "running"),
    ],
)
def test_a_control_request_shows_until_it_is_carried_out(requested: dict[str, bool], shown_status: str) -> None:
    assert status_text(job(status="running", **requested)).plain == shown_status
    assert status_text(job(status="succeeded", **requested)).plain == "succeeded"


def test_workers_show_their_slots_and_what_they_train() -> None:
    worker = WorkerView(
        id="w1",
        host="h",
        devices=["cpu", "cpu", "cuda:0"],
        free_devices=["cpu"],
        slots=3,
        free_slots=1,
        seen_at=NOW,
        training=[Training(device="cuda:0", jobs=64, yours=1)],
    )
    text = shown(workers_table([worker], now=NOW))
    for part in ("w1", "2 cpu, 1 cuda", "1 cpu", "64 on cuda:0"):
        assert part in text


def test_the_queue_shows_its_length_and_its_speed() -> None:
    queue = QueueView(
        queued={"auto": 7, "cpu": 0, "cuda": 2},
        running=3,
        slots={"cpu": 4, "cuda": 0},
        free_slots={"cpu": 1, "cuda": 0},
        oldest_wait_s=90.0,
        finished_per_min=12.0,
        backlog_s=7200.0,
    )
    text = shown(queue_table(queue))
    for part in ("9 (2 for cuda)", "1 of 4 free", "2 min", "12 per minute", "2 h for one slot"):
        assert part in text
    assert "cuda slots" not in text


def test_a_failure_says_what_to_do() -> None:
    failure = {"reason": "worker_lost", "message": "Its worker was lost.", "retryable": True}
    assert summary(job(status="failed", failure=failure)) == [
        "Failed after 0 epochs: Its worker was lost.",
        f"`epochal retry {ID[-8:]}` tries again.",
    ]
    place = {"id": ID, "trial": 3, "replicate": 0}
    of_sweep = job(status="failed", failure=failure, sweep=place)
    advice = f"Jobs of a sweep are not retried: `epochal clone {ID[-8:]}` trains it again by itself."
    assert summary(of_sweep)[-1] == advice
    assert advice in shown(job_card(of_sweep, now=NOW))
    final = {"reason": "diverged", "message": "Try a smaller learning_rate.", "retryable": False}
    assert summary(job(status="failed", failure=final)) == ["Failed after 0 epochs: Try a smaller learning_rate."]


def test_a_job_that_diverged_says_it_once() -> None:
    final = {"reason": "diverged", "message": "The loss became infinite.", "retryable": False}
    verdict = {**DONE["verdict"], "kind": "diverged", "sentence": "Diverged: try 0.001."}  # type: ignore[dict-item]
    failed = job(status="failed", failure=final, verdict=verdict)
    assert summary(failed) == ["Failed after 0 epochs: Diverged: try 0.001."]
    assert shown(job_card(failed, now=NOW)).count("Diverged") == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"status": "cancelled"}, "Cancelled after 0 epochs."),
        ({"status": "succeeded", "stop_reason": "max_epochs"}, "Trained all 0 epochs."),
        (
            {"status": "succeeded", "stop_reason": "converged"},
            "After 0 epochs: Converged: the gradient norm fell below `tolerance`.",
        ),
    ],
)
def test_an_outcome_is_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    assert outcome(job(**changed)) == sentence


def test_tables_of_jobs_fit_80_columns_with_whole_ids() -> None:
    long = {"name": "a network with a very long name, lr 0.0003, dropout 0.5"}
    far = {"progress": {"epoch": 10470, "epochs": 20000, "epochs_per_s": None, "eta_s": None}}
    lost = {"status": "failed", "failure": {"reason": "out_of_memory", "message": "m", "retryable": False}}
    jobs = [job(**DONE, **long, **far, pack_size=512), job(**lost), job(status="running", cancel_requested=True)]
    for table in (jobs_table(jobs, now=NOW), results_table(jobs)):
        lines = shown(table, width=80).splitlines()
        assert max(map(len, lines)) <= 80
        assert [line.split()[0] for line in lines[1:]] == [ID[-8:]] * 3
        assert sum("…" in line for line in lines) == 1  # the long name, and nothing else
        assert "a network" in lines[1]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([], ""), ([1.0], "█"), ([1.0, 0.5, 0.0], "█▅▁"), ([1.0, None, 0.0], "█ ▁"), ([*map(float, range(99))], "▁███")],
)
def test_a_curve_is_a_line_of_bars(values: list[float | None], drawn: str) -> None:
    assert sparkline(values, low=0.0, high=1.0, width=4) == drawn


def test_events_are_listed() -> None:
    event = EventView(
        seq=1, at=NOW, from_status=None, to_status=JobStatus.queued, attempt=0, actor="alice", reason="submitted"
    )
    assert "alice" in shown(events_table([event]))


def test_services_are_listed() -> None:
    assert "worker-1" in shown(services_table([ServiceState("worker-1", "stopped", None, 2, "w.log")]))


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1.0, "0 s"), (59.0, "59 s"), (61.0, "1 min"), (7200.0, "2 h"), (200_000.0, "2 d")]
)
def test_durations_are_in_their_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_number_that_is_missing_is_a_dash() -> None:
    assert number(None) == percent(None) == "-"
    assert (metric("val_macro_f1", 1.0), metric("accuracy", 0.5), metric("val_loss", 0.5)) == (
        "100.0 %",
        "50.0 %",
        "0.5",
    )
    assert (metric_label("val_r2"), metric_label("train_balanced_accuracy")) == (
        "validation R²",
        "training balanced accuracy",
    )
    assert number(0.123456) == "0.1235"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_narrow_terminal_breaks_lines_and_cuts_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    assert console_of(stderr=False).width == LEAST_WIDTH
    assert console_of(stderr=True).width == 40


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_is_no_terminal_whatever_the_environment_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    consoles = [console_of(stderr=False), console_of(stderr=True), bars.console(quiet=False)]
    assert not any(console.is_terminal for console in consoles)
    assert consoles[0].color_system == ("standard" if name == "FORCE_COLOR" else None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert bars.console(quiet=False).is_terminal


def test_a_list_in_a_pipe_has_the_whole_ids_first(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(jobs_table([job(name="a\tb")], now=NOW, whole_ids=True))
    assert capsys.readouterr().out == f"{ID}\ta b\tqueued\t0/100\t-\t-\t2 min\n"


def test_a_check_counts_the_steps_that_gradient_accumulation_leaves() -> None:
    spec = {"dataset": "digits", "batch_size": 32, "gradient_accumulation": 4, "epochs": 9}
    rows = {"train_rows": 1438, "validation_rows": 359, "test_rows": 0}
    checked = {"spec": spec, "parameters": 1, "memory_bytes": 1, "pack_key": "", "features": 64, "outputs": 10, **rows}
    assert "at most 9 epochs of 12 steps" in shown(check_card(Check.model_validate(checked)))


def test_a_table_in_a_pipe_is_a_line_per_row_with_tabs_and_whole_ids(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(services_table([ServiceState("worker-1", "stopped", None, 2, "a\tlog")]))
    assert capsys.readouterr().out == "worker-1\tstopped\t-\t2\ta log\n"
    assert listed_ids([ID]) == {ID: ID}
