from dataclasses import replace

from spec.job import JobSpec
from store.checkpoints import CheckpointRecord
from store.records import Claim, Renewal
from worker.claimed_pack import PAUSE_PATIENCE_S, ClaimedPack, LeaveReason, columns

SPEC = JobSpec.model_validate({"dataset": "xor", "timeout_s": 60.0})
NOTHING = Renewal(lost=frozenset(), cancel=frozenset())


def claim(job_id: str, *, cancel_requested: bool = False) -> Claim:
    return Claim(job_id=job_id, attempt=1, spec=SPEC, cancel_requested=cancel_requested)


def curve(*epochs: int) -> dict[str, list[float | None]]:
    return {"epoch": [float(epoch) for epoch in epochs], "train_loss": [1.0 / epoch for epoch in epochs]}


def test_points_become_columns_of_one_length() -> None:
    assert columns([(1, {"train_loss": 0.5}), (2, {"train_loss": 0.4, "val_loss": None})]) == {
        "epoch": [1, 2],
        "train_loss": [0.5, 0.4],
        "val_loss": [None, None],
    }
    assert columns([]) == {}


def test_points_are_sent_until_the_record_has_them() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    pack.add_points({"a": curve(1, 2)})
    (progress,) = pack.progress(now=1.0)
    pack.add_points({"a": curve(3)})
    assert progress.points["epoch"] == [1, 2]
    pack.renewed([progress], NOTHING, asked_at=1.0)
    assert [progress.points["epoch"] for progress in pack.progress(now=2.0)] == [[3]]


def test_an_epoch_received_again_is_not_kept_again() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    pack.add_points({"a": curve(1, 2)})
    pack.restart(["a"], now=5.0)
    pack.add_points({"a": curve(1, 2, 3)})
    assert [progress.points["epoch"] for progress in pack.progress(now=6.0)] == [[1, 2, 3]]


def test_the_rate_is_epochs_by_seconds_trained() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    assert [progress.epochs_per_s for progress in pack.progress(now=1.0)] == [None]
    pack.add_points({"a": curve(1, 2, 3, 4)})
    assert [progress.epochs_per_s for progress in pack.progress(now=2.0)] == [2.0]


def test_a_lost_member_sends_no_more_progress() -> None:
    pack = ClaimedPack([claim("a"), claim("b")], now=0.0)
    pack.renewed(pack.progress(now=1.0), replace(NOTHING, lost=frozenset({("a", 1)})), asked_at=1.0)
    assert [progress.job_id for progress in pack.progress(now=2.0)] == ["b"]
    assert [member.leave_reason for member in pack.members({"a"})] == [LeaveReason.lost]


def test_a_cancel_is_sent_once_and_its_age_is_known() -> None:
    pack = ClaimedPack([claim("a", cancel_requested=True), claim("b")], now=0.0)
    assert pack.due_to_cancel({"a", "b"}, now=1.0) == ["a"]
    assert pack.due_to_cancel({"a", "b"}, now=2.0) == []
    assert pack.unanswered_s({"a", "b"}, now=5.0) == 4.0
    assert pack.unanswered_s({"b"}, now=5.0) == 0.0


def test_only_members_that_train_run_out_of_time() -> None:
    pack = ClaimedPack([claim("a"), claim("b")], now=0.0)
    pack.mark_overdue({"a"}, now=61.0)
    assert [member.leave_reason for member in pack.members()] == [LeaveReason.timeout, None]


def test_a_pause_is_kept_unless_the_job_must_leave_already() -> None:
    pack = ClaimedPack([claim("a"), claim("b", cancel_requested=True)], now=0.0)
    pack.renewed(pack.progress(now=1.0), replace(NOTHING, pause=frozenset({"a", "b"})), asked_at=1.0)
    assert [member.leave_reason for member in pack.members()] == [LeaveReason.pause, LeaveReason.cancel]


def test_the_rate_counts_what_was_trained_since_the_member_began_again() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    pack.add_points({"a": curve(1, 2, 3, 4)})
    pack.restart(["a"], now=10.0)
    pack.add_points({"a": curve(3, 4)})
    assert [progress.epochs_per_s for progress in pack.progress(now=11.0)] == [2.0]


def test_checkpoints_are_sent_until_the_record_has_them() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    first, second, third = (CheckpointRecord(epoch, f"file:///{epoch}", "0" * 64) for epoch in (1, 2, 3))
    pack.add_checkpoint("a", first)
    pack.add_checkpoint("a", second)
    (beat,) = pack.progress(now=1.0)
    pack.add_checkpoint("a", third)
    assert beat.checkpoints == (first, second)
    pack.renewed([beat], NOTHING, asked_at=1.0)
    assert [progress.checkpoints for progress in pack.progress(now=2.0)] == [(third,)]
    assert pack.members()[0].checkpoints == [third, second]


def test_a_requeued_job_may_end_its_epoch_within_its_patience() -> None:
    pack = ClaimedPack([claim("a"), claim("b", cancel_requested=True)], now=0.0, requeue_patience_s=3.0)
    pack.mark_requeued()
    assert pack.due_to_leave({"a", "b"}, now=1.0) == ["a"]
    assert pack.due_to_leave({"a", "b"}, now=2.0) == []
    assert pack.due_to_cancel({"a", "b"}, now=2.0) == ["b"]
    assert pack.due_to_cancel({"a", "b"}, now=4.0) == []
    assert pack.due_to_cancel({"a", "b"}, now=4.5) == ["a"]


def test_a_paused_job_may_end_its_epoch_first() -> None:
    pack = ClaimedPack([claim("a")], now=0.0)
    pack.renewed(pack.progress(now=1.0), replace(NOTHING, pause=frozenset({"a"})), asked_at=1.0)
    assert pack.due_to_leave({"a"}, now=1.0) == ["a"]
    assert pack.due_to_cancel({"a"}, now=1.0 + PAUSE_PATIENCE_S) == []
    assert pack.due_to_cancel({"a"}, now=1.5 + PAUSE_PATIENCE_S) == ["a"]
