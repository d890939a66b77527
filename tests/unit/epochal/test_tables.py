import io
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from epochal.home import ServiceState
from epochal.tables import (
    duration,
    events_table,
    job_card,
    jobs_table,
    number,
    outcome,
    results_table,
    services_table,
    share,
)
from spec.states import JobStatus
from spec.views import EventView

from .jobs import ID, job

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


def shown(what: RenderableType) -> str:
    """What a terminal would show."""
    out = io.StringIO()
    Console(file=out, width=200).print(what)
    return out.getvalue()


def test_a_list_of_jobs_has_a_line_for_each() -> None:
    text = shown(jobs_table([job(), job(**DONE)], now=NOW))
    assert text.count(ID) == 2
    assert "2 min" in text
    assert "xor" in text


def test_results_show_the_best_epoch_and_why_it_stopped() -> None:
    text = shown(results_table([job(**DONE), job()]))
    assert "97.5%" in text
    assert "early stopping" in text
    assert "queued" in text


def test_a_card_says_all_about_a_job() -> None:
    text = shown(job_card(job(**DONE, tags={"a": "b"}, worker="w1", device="cpu:0", pack_size=8, attempt=1), now=NOW))
    for part in (ID, "a=b", "w1 on cpu:0, in a pack of 8", "Good: it generalises well.", "Best epoch 7"):
        assert part in text


def test_a_queued_job_says_why_it_waits() -> None:
    assert "place 3: no worker is free" in shown(
        job_card(job(queue={"position": 3, "why": "no worker is free"}), now=NOW)
    )


def test_a_failure_says_what_to_do() -> None:
    failure = {"reason": "worker_lost", "message": "Its worker was lost.", "retryable": True}
    assert outcome(job(status="failed", failure=failure)).endswith(f"`epochal retry {ID}` tries again.")
    final = {"reason": "diverged", "message": "Try a smaller learning_rate.", "retryable": False}
    assert outcome(job(status="failed", failure=final)) == "Failed: Try a smaller learning_rate."


def test_a_cancelled_job_says_how_far_it_came() -> None:
    assert outcome(job(status="cancelled")) == "Cancelled after 0 epochs."


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
    assert number(None) == share(None) == "-"
    assert number(0.123456) == "0.1235"
