import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load

from spec.states import FailureReason
from worker import child, messages
from worker.child import listen
from worker.inbox import Inbox
from worker.messages import (
    Ended,
    FreeMembers,
    Job,
    Leave,
    Points,
    Report,
    Resumed,
    Saved,
    Train,
    Unsaved,
    Working,
)

from .received import SPEC, Received, train


def test_a_spec_comes_through_the_pipe_unchanged() -> None:
    sent = train("a")
    received = messages.order(messages.line(sent))
    assert received == sent
    assert isinstance(received, Train)
    assert received.jobs[0].spec.pack_key == SPEC.pack_key


def test_the_end_of_input_ends_the_process_and_sweeps_its_folder(tmp_path: Path) -> None:
    inbox, codes = Inbox(), list[int]()
    folder = tmp_path / "models"
    folder.mkdir()
    listen(io.BytesIO(messages.line(train("a"))), inbox, folder, end=codes.append)
    assert codes == [0]
    assert [job.id for job in inbox.take(1)] == ["a"]
    assert not folder.exists()


@pytest.fixture
def received() -> Received:
    return Received()


def run(received: Received, folder: Path, *orders: messages.Order, checkpoint_s: float) -> list[Report]:
    """What a trainer reports of jobs that it is told to train; what it says by the clock is left out."""
    inbox = Inbox()
    for order in orders:
        inbox.put(order)
    child.train(inbox, received.reports, folder, torch.device("cpu"), checkpoint_s)
    return [report for report in received.take() if not isinstance(report, FreeMembers | Working)]


def five_epochs(*checkpoints: str) -> Train:
    spec = SPEC.model_copy(update={"epochs": 5})
    return Train(jobs=(Job(id="a", spec=spec, checkpoints=checkpoints),), limit=8)


def epochs(reports: list[Report]) -> list[float | None]:
    return [epoch for report in reports if isinstance(report, Points) for epoch in report.curves["a"]["epoch"]]


def model_in(reports: Sequence[Report], folder: Path) -> dict[str, Any]:
    """The arrays of the job's model, which is the first of its files."""
    (ended,) = [report for report in reports if isinstance(report, Ended)]
    (name, size), *_ = ended.files.items()
    assert name == "model.safetensors"
    return load((folder / ended.id).read_bytes()[:size])


def test_a_job_goes_on_from_a_checkpoint_of_another_trainer(received: Received, tmp_path: Path) -> None:
    reports = run(received, tmp_path, five_epochs(), checkpoint_s=0.0)
    saved = next(report for report in reports if isinstance(report, Saved))
    assert epochs(reports[: reports.index(saved)]) == [saved.epochs["a"]] == [1]
    whole = model_in(reports, tmp_path)

    (tmp_path / "broken").write_bytes(b"no checkpoint")
    reports = run(received, tmp_path, five_epochs("broken", saved.files["a"], "gone"), checkpoint_s=60.0)
    resumed = reports[0]
    assert isinstance(resumed, Resumed)
    assert (resumed.epoch, set(resumed.refused)) == (1, {"broken"})
    assert epochs(reports) == [2, 3, 4, 5]
    model = model_in(reports, tmp_path)
    assert all((model[name] == array).all() for name, array in whole.items())
    assert not (tmp_path / saved.files["a"]).exists()


def test_a_trainer_that_can_read_no_checkpoint_starts_from_the_beginning(received: Received, tmp_path: Path) -> None:
    reports = run(received, tmp_path, five_epochs("gone"), checkpoint_s=60.0)
    assert isinstance(reports[0], Resumed)
    assert (reports[0].epoch, set(reports[0].refused)) == (0, {"gone"})
    assert epochs(reports) == [1, 2, 3, 4, 5]


def test_a_job_that_must_leave_ends_its_epoch_and_saves_first(received: Received, tmp_path: Path) -> None:
    reports = run(received, tmp_path, five_epochs(), Leave(ids=("a",)), checkpoint_s=60.0)
    *_, points, saved, ended = reports
    assert isinstance(points, Points)
    assert isinstance(saved, Saved)
    assert isinstance(ended, Ended)
    assert (epochs(reports), saved.epochs["a"], ended.end) == ([1], 1, "cancelled")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errno.EIO, ("unsaved", None, "Input/output error")),
        (errno.EFBIG, ("failed", FailureReason.error, "OSError: [Errno 27] File too large")),
    ],
)
def test_a_model_that_cannot_be_written_fails_its_job_unless_the_disk_is_at_fault(
    received: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, expected: tuple[object, ...]
) -> None:
    def write(_: Path, __: bytes) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Path, "write_bytes", write)
    *_, ended = run(received, tmp_path, five_epochs(), checkpoint_s=60.0)
    assert isinstance(ended, Ended)
    assert (ended.end, ended.failure_reason, ended.message) == expected


def test_a_checkpoint_that_cannot_be_written_does_not_stop_the_training(received: Received, tmp_path: Path) -> None:
    (tmp_path / messages.CHECKPOINTS).write_text("a file where a folder should be")
    reports = run(received, tmp_path, five_epochs(), checkpoint_s=0.0)
    unsaved = next(report for report in reports if isinstance(report, Unsaved))
    assert (unsaved.epoch, bool(unsaved.message)) == (1, True)
    assert epochs(reports) == [1, 2, 3, 4, 5]
    assert isinstance(reports[-1], Ended)
    assert reports[-1].end == "succeeded"
