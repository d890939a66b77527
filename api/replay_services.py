"""What the views of replays call: the same training again, and its numbers beside the original's."""

from dataclasses import dataclass

from spec.replay import ReplayView, Trained, job_replay, unfinished
from spec.states import FINISHED
from store.errors import IllegalTransitionError
from store.records import JobRecord

from .errors import NotFoundError
from .job_services import JobServices


@dataclass(frozen=True)
class ReplayServices:
    """Trains again what has ended, and compares."""

    jobs: JobServices

    def job(self, job: JobRecord) -> JobRecord:
        """A new job of its owner with the same spec. Raises `IllegalTransitionError` when nothing can be compared."""
        if job.status not in FINISHED:
            raise IllegalTransitionError(job.status.value, "replayed: wait until it has ended")
        if not (job.epoch or self._trained(job).ended_by_itself):
            raise IllegalTransitionError(job.status.value, "replayed: it has no epoch to compare")
        return self.jobs.submit([job.spec], owner=job.owner, replays=job.id).jobs[0]

    def of_job(self, replay: JobRecord) -> ReplayView:
        """A replay beside its original. Raises `NotFoundError` for a job that replays none."""
        if replay.replays is None:
            raise NotFoundError("This job replays no other: POST to this address to train it again.")
        ids = replay.replays, replay.id
        if replay.status not in FINISHED:
            return unfinished(ids, replay.status, f"The replay is {replay.status}: it is compared when it has ended.")
        original = self.jobs.store.get(replay.replays, owner=None)
        if original.status not in FINISHED:
            return unfinished(ids, replay.status, f"The original was retried, and is {original.status} now.")
        return job_replay(self._trained(original), self._trained(replay), ids=ids)

    def _trained(self, job: JobRecord) -> Trained:
        return Trained(
            status=job.status,
            epoch=job.epoch,
            curve=self.jobs.store.curve(job.id),
            stop_reason=job.stop_reason,
            failure_reason=job.failure_reason,
            best_epoch=job.best_epoch,
            best_metrics=job.best_metrics,
            files={artifact.name: artifact.sha256 for artifact in self.jobs.store.artifacts(job.id)},
            device=job.device,
        )
