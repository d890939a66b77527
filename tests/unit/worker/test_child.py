import io
from pathlib import Path

import pytest

from spec.job import JobSpec
from spec.states import FailureReason
from worker import messages
from worker.child import Inbox, Telling, Wire, listen
from worker.messages import Cancel, Ended, Job, Points, Report, Room, Train

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
    telling = Telling(Inbox(), ear.wire, tmp_path, CHECKPOINT_S, clock)
    telling.epoch_ended([Point(id="a", epoch=1, metrics={"train_loss": 0.5})])
    assert ear.heard() == [Points(curves={"a": {"epoch": [1.0], "train_loss": [0.5]}})]
    telling.epoch_ended([Point(id="a", epoch=2, metrics={"train_loss": 0.4})])
    telling.epoch_ended([Point(id="a", epoch=3, metrics={"train_loss": float("nan")})])
    assert ear.heard() == []
    clock.now += 0.25
    telling.cancelled()
    assert ear.heard() == [Points(curves={"a": {"epoch": [2.0, 3.0], "train_loss": [0.4, None]}})]


def test_room_is_told_once_a_second(ear: Ear, tmp_path: Path) -> None:
    clock, inbox = Clock(), Inbox()
    telling = Telling(inbox, ear.wire, tmp_path, CHECKPOINT_S, clock)
    assert telling.admit(3) == []
    assert ear.heard() == []
    clock.now += 1.0
    inbox.put(train("a"))
    assert [entry.id for entry in telling.admit(3)] == ["a"]
    telling.admit(2)
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
    telling = Telling(Inbox(), ear.wire, tmp_path, CHECKPOINT_S)
    telling.enter(train("a", "b").jobs)
    telling.fail_rest(error)
    told = ear.heard()
    assert [(report.id, report.failure_reason, report.whole_pack) for report in told if isinstance(report, Ended)] == [
        ("a", reason, True),
        ("b", reason, True),
    ]


def test_a_fault_alone_is_the_members_own(ear: Ear, tmp_path: Path) -> None:
    telling = Telling(Inbox(), ear.wire, tmp_path, CHECKPOINT_S)
    telling.enter(train("a").jobs)
    telling.fail_rest(ValueError("no such thing"))
    (told,) = ear.heard()
    assert isinstance(told, Ended)
    assert (told.whole_pack, told.message) == (False, "ValueError: no such thing")
