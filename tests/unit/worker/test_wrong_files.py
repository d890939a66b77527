"""What becomes of jobs whose worker has another folder than the API, from its start or for a while."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spec.states import JobStatus
from store.files import MarkedFiles, files_at
from store.mark import MarkStore
from worker.checkpoint_files import CheckpointFiles
from worker.errors import NotNowError
from worker.messages import Order, Report, Train

from .bench import SMALL, Bench, Scripted, done, points, saved, succeeds


class Share:
    """A folder that is mounted, and may be away for a while: what is written then goes to the disk below it."""

    def __init__(self, bench: Bench) -> None:
        self._at, self._away = bench.folder / "files", bench.folder / "away"
        bench.files = marked = MarkedFiles(bench.files, MarkStore(bench.engine).known)
        bench.demand_place = marked.demand
        MarkStore(bench.engine).settled(files_at(self._at.as_uri()))

    def unmount(self) -> None:
        self._at.rename(self._away)
        self._at.mkdir()

    def mount(self) -> None:
        self._at.rmdir()  # nothing was written there
        self._away.rename(self._at)


@pytest.fixture
def share(bench: Bench) -> Share:
    return Share(bench)


def test_a_worker_without_the_share_claims_nothing_until_it_is_there(bench: Bench, share: Share) -> None:
    (job_id,) = bench.submit(SMALL)
    share.unmount()
    supervisor = bench.supervisor(succeeds)
    supervisor.drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.queued, 0)
    share.mount()
    supervisor.drain()
    assert bench.status(job_id) is JobStatus.succeeded


def unmounted_while_it_trains(
    bench: Bench, share: Share, back: Callable[[], bool]
) -> Callable[..., list[Report | Exception]]:
    """Trains, and saves an epoch before and one after the share is gone; it comes back when the test says so."""

    def script(trainer: Scripted, order: Order) -> list[Report | Exception]:
        assert isinstance(order, Train)
        beat, is_away = trainer.while_waiting, True
        share.unmount()

        def wait() -> None:
            nonlocal is_away
            beat()
            if is_away and back():
                share.mount()
                is_away = False

        trainer.while_waiting = wait
        (job,) = order.jobs
        return [points(job.id, 1, 2), saved(trainer, job.id, 2), points(job.id, 3), done(trainer, job.id)]

    return script


def test_a_model_waits_for_a_share_that_is_unmounted_while_it_trains(bench: Bench, share: Share) -> None:
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    began = bench.clock.now
    bench.supervisor(unmounted_while_it_trains(bench, share, lambda: bench.clock.now > began + 20.0)).drain()
    job = bench.store.get(job_id, owner=None)
    assert (job.status, job.attempt) == (JobStatus.succeeded, 1)
    (artifact,) = bench.store.artifacts(job_id)
    assert bench.files.get(artifact.uri) == b"weights of " + job_id.encode()
    notes = [event.reason for event in bench.store.events(job_id)]
    assert sum("it has no mark" in note for note in notes) == 2  # of the checkpoint, and of the model
    assert bench.checkpoints() == []


def test_a_share_that_stays_away_sends_the_job_back_uncharged(
    bench: Bench, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.outcomes.PATIENCE_S", 10.0)
    (job_id,) = bench.submit(SMALL | {"max_attempts": 1})
    supervisor = bench.supervisor(unmounted_while_it_trains(bench, share, lambda: False), succeeds)
    supervisor.drain()
    assert bench.status(job_id) is JobStatus.queued
    share.mount()
    bench.ready_now()
    bench.supervisor(succeeds).drain()
    assert bench.status(job_id) is JobStatus.succeeded


def test_a_checkpoint_on_a_share_that_is_away_is_not_given_up(bench: Bench, share: Share, tmp_path: Path) -> None:
    written = tmp_path / "written"
    written.write_bytes(b"2 epochs")
    checkpoints = CheckpointFiles(bench.files)
    stored = checkpoints.store("job", 1, 2, written)
    share.unmount()
    with pytest.raises(NotNowError, match="its checkpoint could not be copied"):
        checkpoints.stage(stored, "name", tmp_path)
    share.mount()
    assert checkpoints.stage(stored, "name", tmp_path)
