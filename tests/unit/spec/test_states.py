from spec.states import FINISHED, TRANSITIONS, FailureReason, JobStatus, StopReason


def test_nothing_follows_success_or_cancellation() -> None:
    assert not TRANSITIONS[JobStatus.succeeded]
    assert not TRANSITIONS[JobStatus.cancelled]


def test_every_state_has_its_transitions_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(JobStatus)
    assert set().union(*TRANSITIONS.values()) == set(JobStatus)


def test_a_finished_job_never_goes_on_running() -> None:
    assert all(JobStatus.running not in TRANSITIONS[status] for status in FINISHED)


def test_every_reason_has_a_sentence() -> None:
    assert all(reason.sentence.endswith(".") for reason in StopReason)
    assert all(reason.sentence.endswith(".") for reason in FailureReason)
    advised = {reason for reason in FailureReason if reason.retry == "advised"}
    assert advised == {FailureReason.worker_lost, FailureReason.error}
