import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.numpy import load_file

from spec.job import JobSpec
from spec.states import FailureReason
from worker import child, messages
from worker.child import CHECKPOINTS_SHARE, Inbox, SupervisorCallbacks, Wire, listen
from worker.messages import (
    Cancel,
    Ended,
    Job,
    Leave,
    Measured,
    Points,
    Report,
    Resumed,
    Room,
    Saved,
    Train,
    Unsaved,
    Working,
)

if TYPE_CHECKING:
    from trainer.checkpoint import Checkpoint

SPEC = JobSpec.model_validate({"dataset": "xor", "learning_rate": 0.1, "initial_weights": "normal"})


def train(*ids: str, limit: int = 8) -> Train:
    return Train(jobs=tuple(Job(id=id_, spec=SPEC) for id_ in ids), limit=limit)


CHECKPOINT_S = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Ear:
    """The other end of the wire."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.wire = Wire(self.stream)

    def heard(self) -> list[Report]:
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return [messages.report(line) for line in lines]


def test_a_spec_comes_through_the_pipe_unchanged() -> None:
    sent = train("a")
    received = messages.order(messages.line(sent))
    assert received == sent
    assert isinstance(received, Train)
    assert received.jobs[0].spec.pack_key == SPEC.pack_key


def test_the_inbox_hands_out_jobs_in_order_and_no_more_than_asked() -> None:
    inbox = Inbox()
    inbox.put(train("a", "b", "c"))
    assert [job.id for job in inbox.take(2)] == ["a", "b"]
    assert [job.id for job in inbox.take(2)] == ["c"]
    assert inbox.take(2) == []


def test_a_cancel_lasts_until_its_pack_is_over() -> None:
    inbox = Inbox()
    inbox.put(Cancel(ids=("a", "b")))
    assert set(inbox.cancelled()) == {"a", "b"}
    inbox.forget()
    assert set(inbox.cancelled()) == set()


def test_a_job_that_comes_again_does_not_carry_its_old_cancel() -> None:
    inbox = Inbox()
    inbox.put(Cancel(ids=("a",)))
    inbox.put(train("a"))
    assert set(inbox.cancelled()) == set()


def test_a_cancel_of_a_job_that_still_waits_outlives_the_running_pack() -> None:
    inbox = Inbox()
    inbox.put(train("a"))
    inbox.put(Cancel(ids=("a",)))
    inbox.forget()
    assert set(inbox.cancelled()) == {"a"}


def test_the_end_of_input_ends_the_process_and_sweeps_its_folder(tmp_path: Path) -> None:
    inbox, codes = Inbox(), list[int]()
    folder = tmp_path / "models"
    folder.mkdir()
    listen(io.BytesIO(messages.line(train("a"))), inbox, folder, end=codes.append)
    assert codes == [0]
    assert [job.id for job in inbox.take(1)] == ["a"]
    assert not folder.exists()


@pytest.fixture
def ear() -> Ear:
    return Ear()


def test_points_travel_in_batches_four_times_a_second(ear: Ear, tmp_path: Path) -> None:
    from trainer.fit import Point

    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S, clock)
    callbacks.on_epoch_end([Point(id="a", epoch=1, metrics={"train_loss": 0.5})])
    assert ear.heard() == [Points(curves={"a": {"epoch": [1.0], "train_loss": [0.5]}})]
    callbacks.on_epoch_end([Point(id="a", epoch=2, metrics={"train_loss": 0.4})])
    callbacks.on_epoch_end([Point(id="a", epoch=3, metrics={"train_loss": float("nan")})])
    assert ear.heard() == []
    clock.now += 0.25
    callbacks.should_cancel()
    assert ear.heard() == [Points(curves={"a": {"epoch": [2.0, 3.0], "train_loss": [0.4, None]}})]


def test_what_a_member_needs_is_told_once_after_the_first_epoch(ear: Ear, tmp_path: Path) -> None:
    from trainer.fit import Point

    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, 60.0, Clock(), memory_used=lambda: 1001)
    for epoch in (1, 2):
        callbacks.on_epoch_end([Point(id=id_, epoch=epoch, metrics={}) for id_ in "ab"])
    assert [report for report in ear.heard() if isinstance(report, Measured)] == [Measured(member_bytes=501)]


def test_room_is_told_once_a_second(ear: Ear, tmp_path: Path) -> None:
    clock, inbox = Clock(), Inbox()
    callbacks = SupervisorCallbacks(inbox, ear.wire, tmp_path, CHECKPOINT_S, clock)
    assert callbacks.new_entries(3) == []
    assert ear.heard() == []
    clock.now += 1.0
    inbox.put(train("a"))
    assert [entry.id for entry in callbacks.new_entries(3)] == ["a"]
    callbacks.new_entries(2)
    assert ear.heard() == [Room(room=2)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError("8 GiB"), FailureReason.out_of_memory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), FailureReason.out_of_memory),
        (ValueError("no"), FailureReason.error),
    ],
)
def test_a_fault_of_the_pack_is_told_of_every_member(
    ear: Ear, tmp_path: Path, error: Exception, reason: FailureReason
) -> None:
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a", "b").jobs)
    callbacks.fail_rest(error)
    told = ear.heard()
    assert [(report.id, report.failure_reason, report.whole_pack) for report in told if isinstance(report, Ended)] == [
        ("a", reason, True),
        ("b", reason, True),
    ]


def test_a_fault_alone_is_the_members_own(ear: Ear, tmp_path: Path) -> None:
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a").jobs)
    callbacks.fail_rest(ValueError("no such thing"))
    (told,) = ear.heard()
    assert isinstance(told, Ended)
    assert (told.whole_pack, told.message) == (False, "ValueError: no such thing")


def test_a_fault_of_memory_alone_says_what_was_needed(ear: Ear, tmp_path: Path) -> None:
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a").jobs)
    callbacks.fail_rest(MemoryError("no more"))
    (told,) = ear.heard()
    assert isinstance(told, Ended)
    assert told.failure_reason is FailureReason.out_of_memory
    assert "It needs about 0 MiB, and " in told.message
    assert "MiB were held" in told.message
    assert "MemoryError: no more" in told.message


def test_the_trainer_says_once_a_second_that_it_has_not_stalled(ear: Ear, tmp_path: Path) -> None:
    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S, clock)
    for _ in range(9):
        clock.now += 0.25
        callbacks.should_cancel()
    assert ear.heard() == [Working(), Working()]


def run(ear: Ear, folder: Path, *orders: messages.Order, checkpoint_s: float) -> list[Report]:
    """What a trainer reports of jobs that it is told to train; what it says by the clock is left out."""
    inbox = Inbox()
    for order in orders:
        inbox.put(order)
    child.train(inbox, ear.wire, folder, torch.device("cpu"), checkpoint_s)
    return [report for report in ear.heard() if not isinstance(report, Room | Working)]


def five_epochs(*checkpoints: str) -> Train:
    spec = SPEC.model_copy(update={"epochs": 5})
    return Train(jobs=(Job(id="a", spec=spec, checkpoints=checkpoints),), limit=8)


def epochs(reports: list[Report]) -> list[float | None]:
    return [epoch for report in reports if isinstance(report, Points) for epoch in report.curves["a"]["epoch"]]


def test_a_trainer_goes_on_from_what_another_saved(ear: Ear, tmp_path: Path) -> None:
    reports = run(ear, tmp_path, five_epochs(), checkpoint_s=0.0)
    saved = next(report for report in reports if isinstance(report, Saved))
    assert epochs(reports[: reports.index(saved)]) == [saved.epoch] == [1]
    whole = load_file(tmp_path / "a" / "model.safetensors")

    (tmp_path / "broken").write_bytes(b"no checkpoint")
    reports = run(ear, tmp_path, five_epochs("broken", saved.file, "gone"), checkpoint_s=60.0)
    resumed = reports[0]
    assert isinstance(resumed, Resumed)
    assert (resumed.epoch, set(resumed.refused)) == (1, {"broken"})
    assert epochs(reports) == [2, 3, 4, 5]
    model = load_file(tmp_path / "a" / "model.safetensors")
    assert all((model[name] == array).all() for name, array in whole.items())
    assert not (tmp_path / saved.file).exists()


def test_a_trainer_that_can_read_no_checkpoint_begins_afresh(ear: Ear, tmp_path: Path) -> None:
    reports = run(ear, tmp_path, five_epochs("gone"), checkpoint_s=60.0)
    assert isinstance(reports[0], Resumed)
    assert (reports[0].epoch, set(reports[0].refused)) == (0, {"gone"})
    assert epochs(reports) == [1, 2, 3, 4, 5]


def test_who_is_to_leave_ends_its_epoch_and_saves_first(ear: Ear, tmp_path: Path) -> None:
    reports = run(ear, tmp_path, five_epochs(), Leave(ids=("a",)), checkpoint_s=60.0)
    *_, points, saved, ended = reports
    assert isinstance(points, Points)
    assert isinstance(saved, Saved)
    assert isinstance(ended, Ended)
    assert (epochs(reports), saved.epoch, ended.end) == ([1], 1, "cancelled")


def test_a_checkpoint_that_cannot_be_written_does_not_stop_the_training(ear: Ear, tmp_path: Path) -> None:
    (tmp_path / messages.CHECKPOINTS).write_text("a file where a folder should be")
    reports = run(ear, tmp_path, five_epochs(), checkpoint_s=0.0)
    unsaved = next(report for report in reports if isinstance(report, Unsaved))
    assert (unsaved.epoch, bool(unsaved.message)) == (1, True)
    assert epochs(reports) == [1, 2, 3, 4, 5]
    assert isinstance(reports[-1], Ended)
    assert reports[-1].end == "succeeded"


def test_checkpoints_are_due_now_and_then_and_take_no_more_than_their_share(ear: Ear, tmp_path: Path) -> None:
    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), ear.wire, tmp_path, CHECKPOINT_S, clock)
    callbacks.enter(train("a", "b").jobs)
    assert set(callbacks.checkpoints_due()) == set()
    clock.now += CHECKPOINT_S
    assert set(callbacks.checkpoints_due()) == {"a", "b"}

    clock.now += 2.0  # so long it takes to write them
    callbacks.on_checkpoint(dict.fromkeys("ab", blank()))
    clock.now += 2.0 / CHECKPOINTS_SHARE - 1.0
    assert set(callbacks.checkpoints_due()) == set()
    clock.now += 1.0
    assert set(callbacks.checkpoints_due()) == {"a", "b"}


def blank() -> "Checkpoint":
    from trainer.checkpoint import Checkpoint, TrainingState

    return Checkpoint(TrainingState(), {})
