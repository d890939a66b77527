from spec.job import JobSpec
from store.checkpoints import CheckpointRecord
from store.records import Claim
from worker.pack import BACK_PATIENCE_S, PAUSE_PATIENCE_S, Pack, Wish, columns

SPEC = JobSpec.model_validate({"dataset": "xor", "timeout_s": 60.0})


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


def test_points_are_told_until_the_record_has_them() -> None:
    pack = Pack([claim("a")], now=0.0)
    pack.note({"a": curve(1, 2)})
    (beat,) = pack.beats(now=1.0)
    pack.note({"a": curve(3)})
    assert beat.points["epoch"] == [1, 2]
    pack.renewed([beat], lost=(), cancel=(), asked_at=1.0)
    assert [beat.points["epoch"] for beat in pack.beats(now=2.0)] == [[3]]


def test_an_epoch_told_again_is_not_noted_again() -> None:
    pack = Pack([claim("a")], now=0.0)
    pack.note({"a": curve(1, 2)})
    pack.restart(["a"], now=5.0)
    pack.note({"a": curve(1, 2, 3)})
    assert [beat.points["epoch"] for beat in pack.beats(now=6.0)] == [[1, 2, 3]]


def test_the_rate_is_epochs_by_seconds_trained() -> None:
    pack = Pack([claim("a")], now=0.0)
    assert [beat.epochs_per_s for beat in pack.beats(now=1.0)] == [None]
    pack.note({"a": curve(1, 2, 3, 4)})
    assert [beat.epochs_per_s for beat in pack.beats(now=2.0)] == [2.0]


def test_a_lost_member_sends_no_more_beats() -> None:
    pack = Pack([claim("a"), claim("b")], now=0.0)
    pack.renewed(pack.beats(now=1.0), lost={"a"}, cancel=(), asked_at=1.0)
    assert [beat.job_id for beat in pack.beats(now=2.0)] == ["b"]
    assert [member.wish for member in pack.members({"a"})] == [Wish.lost]


def test_a_wish_is_told_once_and_its_age_is_known() -> None:
    pack = Pack([claim("a", cancel_requested=True), claim("b")], now=0.0)
    assert pack.untold_wishes({"a", "b"}, now=1.0) == ["a"]
    assert pack.untold_wishes({"a", "b"}, now=2.0) == []
    assert pack.oldest_wish_s({"a", "b"}, now=5.0) == 4.0
    assert pack.oldest_wish_s({"b"}, now=5.0) == 0.0


def test_only_members_that_train_run_out_of_time() -> None:
    pack = Pack([claim("a"), claim("b")], now=0.0)
    pack.drop_overdue({"a"}, now=61.0)
    assert [member.wish for member in pack.members()] == [Wish.timeout, None]


def test_a_pause_is_heeded_unless_there_is_a_wish_already() -> None:
    pack = Pack([claim("a"), claim("b", cancel_requested=True)], now=0.0)
    pack.renewed(pack.beats(now=1.0), lost=(), cancel=(), pause={"a", "b"}, asked_at=1.0)
    assert [member.wish for member in pack.members()] == [Wish.pause, Wish.cancel]


def test_the_rate_counts_what_was_trained_since_the_member_began_again() -> None:
    pack = Pack([claim("a")], now=0.0)
    pack.note({"a": curve(1, 2, 3, 4)})
    pack.restart(["a"], now=10.0)
    pack.note({"a": curve(3, 4)})
    assert [beat.epochs_per_s for beat in pack.beats(now=11.0)] == [2.0]


def test_checkpoints_are_told_until_the_record_has_them() -> None:
    pack = Pack([claim("a")], now=0.0)
    first, second, third = (CheckpointRecord(epoch, f"file:///{epoch}", "0" * 64) for epoch in (1, 2, 3))
    pack.keep("a", first)
    pack.keep("a", second)
    (beat,) = pack.beats(now=1.0)
    pack.keep("a", third)
    assert beat.checkpoints == (first, second)
    pack.renewed([beat], lost=(), cancel=(), pause=(), asked_at=1.0)
    assert [beat.checkpoints for beat in pack.beats(now=2.0)] == [(third,)]
    assert pack.members()[0].checkpoints == [third, second]


def test_who_goes_back_may_end_its_epoch_first_and_not_for_ever() -> None:
    pack = Pack([claim("a"), claim("b", cancel_requested=True)], now=0.0)
    pack.give_back()
    assert pack.leaving({"a", "b"}, now=1.0) == ["a"]
    assert pack.leaving({"a", "b"}, now=2.0) == []
    assert pack.untold_wishes({"a", "b"}, now=2.0) == ["b"]
    assert pack.untold_wishes({"a", "b"}, now=1.0 + BACK_PATIENCE_S) == []
    assert pack.untold_wishes({"a", "b"}, now=1.5 + BACK_PATIENCE_S) == ["a"]


def test_who_is_paused_may_end_its_epoch_first_too() -> None:
    pack = Pack([claim("a")], now=0.0)
    pack.renewed(pack.beats(now=1.0), lost=(), cancel=(), pause={"a"}, asked_at=1.0)
    assert pack.leaving({"a"}, now=1.0) == ["a"]
    assert pack.untold_wishes({"a"}, now=1.0 + PAUSE_PATIENCE_S) == []
    assert pack.untold_wishes({"a"}, now=1.5 + PAUSE_PATIENCE_S) == ["a"]
