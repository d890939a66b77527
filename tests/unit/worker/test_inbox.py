from worker.inbox import Inbox
from worker.messages import (
    Cancel,
)

from .received import train


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
