import io
from collections import Counter

import httpx
import pytest
from rich.console import Console

from epochal.cli.progress import follow
from epochal.client.bars import MOST as BARS
from epochal.client.waiting import POLLED_AT_ONCE
from spec.states import JobStatus

from ..jobs import ID, api_of, view


@pytest.mark.parametrize("count", [1, 3, BARS + 1, 2 * POLLED_AT_ONCE + 1])
def test_jobs_are_followed_to_their_end_in_the_order_asked_for(count: int) -> None:
    asked: Counter[str] = Counter()

    def handle(request: httpx.Request) -> httpx.Response:
        job_id = request.url.path.rsplit("/", 1)[-1]
        asked[job_id] += 1
        epoch = 25 * asked[job_id]
        status = "succeeded" if epoch == 100 else "running"
        changed = {"epoch": epoch, "epochs": 100, "epochs_per_s": 1.0, "eta_s": None}
        metrics = {"train_loss": 0.5, "val_loss": None}
        return httpx.Response(200, json=view(id=job_id, status=status, progress=changed, metrics=metrics))

    ids = [f"job-{index}" for index in range(count)]
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    ended = follow(api_of(handle), ids, console, sleep=lambda _: None)
    assert [job.id for job in ended] == ids
    assert {job.status for job in ended} == {JobStatus.succeeded}
    assert set(asked.values()) == {4}
    assert "train 0.5" in shown.getvalue()


def test_nothing_is_drawn_into_a_pipe() -> None:
    shown = io.StringIO()
    done = httpx.Response(200, json=view(status="cancelled"))
    follow(api_of(lambda _: done), [ID], Console(file=shown), sleep=lambda _: None)
    assert shown.getvalue().strip() == ""
