from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec.states import FailureReason
from worker.inbox import Inbox
from worker.messages import (
    Ended,
    FreeMembers,
    Measured,
    Points,
    Working,
)
from worker.reporting import CHECKPOINTS_SHARE, SupervisorCallbacks

from .received import CHECKPOINT_S, Clock, Received, train

if TYPE_CHECKING:
    from trainer.checkpoint import Checkpoint


@pytest.fixture
def received() -> Received:
    return Received()


def test_points_travel_in_batches_four_times_a_second(received: Received, tmp_path: Path) -> None:
    from trainer.member import Point

    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S, clock)
    callbacks.on_epoch_end([Point(id="a", epoch=1, metrics={"train_loss": 0.5})])
    assert received.take() == [Points(curves={"a": {"epoch": [1.0], "train_loss": [0.5]}})]
    callbacks.on_epoch_end([Point(id="a", epoch=2, metrics={"train_loss": 0.4})])
    callbacks.on_epoch_end([Point(id="a", epoch=3, metrics={"train_loss": float("nan")})])
    assert received.take() == []
    clock.now += 0.25
    callbacks.should_cancel()
    assert received.take() == [Points(curves={"a": {"epoch": [2.0, 3.0], "train_loss": [0.4, None]}})]


def test_what_a_member_needs_is_sent_once_after_the_first_epoch(received: Received, tmp_path: Path) -> None:
    from trainer.member import Point

    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, 60.0, Clock(), memory_used=lambda: 1001)
    for epoch in (1, 2):
        callbacks.on_epoch_end([Point(id=id_, epoch=epoch, metrics={}) for id_ in "ab"])
    assert [report for report in received.take() if isinstance(report, Measured)] == [Measured(member_bytes=501)]


def test_the_number_of_free_members_is_sent_once_a_second(received: Received, tmp_path: Path) -> None:
    clock, inbox = Clock(), Inbox()
    callbacks = SupervisorCallbacks(inbox, received.reports, tmp_path, CHECKPOINT_S, clock)
    assert callbacks.new_entries(3) == []
    assert received.take() == []
    clock.now += 1.0
    inbox.put(train("a"))
    assert [entry.id for entry in callbacks.new_entries(3)] == ["a"]
    callbacks.new_entries(2)
    assert received.take() == [FreeMembers(count=2)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError("8 GiB"), FailureReason.out_of_memory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), FailureReason.out_of_memory),
        (ValueError("no"), FailureReason.error),
    ],
)
def test_a_fault_of_the_pack_is_reported_of_every_member(
    received: Received, tmp_path: Path, error: Exception, reason: FailureReason
) -> None:
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a", "b").jobs)
    callbacks.fail_rest(error)
    told = received.take()
    assert [(report.id, report.failure_reason, report.whole_pack) for report in told if isinstance(report, Ended)] == [
        ("a", reason, True),
        ("b", reason, True),
    ]


def test_a_fault_alone_is_the_members_own(received: Received, tmp_path: Path) -> None:
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a").jobs)
    callbacks.fail_rest(ValueError("no such thing"))
    (told,) = received.take()
    assert isinstance(told, Ended)
    assert (told.whole_pack, told.message) == (False, "ValueError: no such thing")


def test_a_fault_of_memory_alone_says_what_was_needed(received: Received, tmp_path: Path) -> None:
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S)
    callbacks.enter(train("a").jobs)
    callbacks.fail_rest(MemoryError("no more"))
    (told,) = received.take()
    assert isinstance(told, Ended)
    assert told.failure_reason is FailureReason.out_of_memory
    assert "It needs about 0 MiB, and " in told.message
    assert "MiB were held" in told.message
    assert "MemoryError: no more" in told.message


def test_the_trainer_reports_once_a_second_that_it_has_not_stalled(received: Received, tmp_path: Path) -> None:
    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S, clock)
    for _ in range(9):
        clock.now += 0.25
        callbacks.should_cancel()
    assert received.take() == [Working(), Working()]


def test_checkpoints_are_due_now_and_then_and_take_no_more_than_their_share(received: Received, tmp_path: Path) -> None:
    clock = Clock()
    callbacks = SupervisorCallbacks(Inbox(), received.reports, tmp_path, CHECKPOINT_S, clock)
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
