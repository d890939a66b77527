"""What the views of replays call: the same training again, and its numbers beside the original's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spec.halvings import Population
from spec.replay import ReplayView, Trained, job_replay, sweep_replay, unfinished
from spec.states import FINISHED, SweepState
from spec.sweep import Budget
from store.errors import IllegalSweepStateError, IllegalTransitionError
from store.records import Idempotency, JobRecord, Submitted
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .errors import NotFoundError
from .job_services import JobServices
from .sweep_quotas import demand_quota_again


@dataclass(frozen=True)
class ReplayServices:
    """Trains again what has ended, and compares."""

    jobs: JobServices
    sweeps: SweepStore
    results: SweepResults

    def job(self, job: JobRecord, idempotency: Idempotency | None) -> Submitted:
        """A new job of its owner with the same spec. Raises `IllegalTransitionError` when nothing can be compared."""
        if idempotency is not None and (known := self.jobs.store.answered(idempotency, owner=job.owner)) is not None:
            return known
        if job.status not in FINISHED:
            raise IllegalTransitionError(job.status.value, "replayed", "wait until it has ended")
        if job.sweep_id is not None:
            sweep = self.sweeps.get(job.sweep_id, owner=None)
            if isinstance(sweep.spec.halving, Population):
                cure = f"it trained in a population, so replay its sweep, {sweep.id}"
                raise IllegalTransitionError(job.status.value, "replayed alone", cure)
        if not (job.epoch or self._trained(job).ended_by_itself):
            raise IllegalTransitionError(
                job.status.value, "replayed", "it has no epoch to compare; submit its spec again"
            )
        return self.jobs.submit([job.spec], owner=job.owner, idempotency=idempotency, replays=job.id)

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

    def sweep(self, sweep: SweepRecord, idempotency: Idempotency | None) -> tuple[SweepRecord, bool]:
        """A new sweep of its owner with the same spec, and whether the same request had stored it before.

        Raises `IllegalSweepStateError` unless it has finished.
        """
        if idempotency is not None and (known := self.sweeps.answered(idempotency, owner=sweep.owner)) is not None:
            return known, True
        if sweep.state is not SweepState.finished:
            raise IllegalSweepStateError(sweep.state.value, "replayed", "only those that have finished are")
        if isinstance(sweep.spec.trials, Budget) and sweep.spec.trials.seconds is not None:
            raise IllegalSweepStateError(
                sweep.state.value, "replayed", "its budget is in seconds, so a clock ended it; submit its spec again"
            )
        demand_quota_again(self.sweeps, self.results, sweep)
        self.jobs.space.demand()
        made = self.sweeps.submit(sweep.spec, owner=sweep.owner, idempotency=idempotency, replays=sweep.id)
        return made, False

    def of_sweep(self, replay: SweepRecord) -> ReplayView:
        """A replay beside its original. Raises `NotFoundError` for a sweep that replays none."""
        if replay.replays is None:
            raise NotFoundError("This sweep replays no other: POST to this address to make it again.")
        ids = replay.replays, replay.id
        original = self.sweeps.get(replay.replays, owner=None)
        for sweep, name in ((original, "original"), (replay, "replay")):
            if sweep.state is not SweepState.finished:
                return unfinished(ids, replay.state, f"The {name} is {sweep.state}: both are compared when finished.")
        return sweep_replay(self._table(original), self._table(replay), ids=ids, status=replay.state)

    def _table(self, sweep: SweepRecord) -> list[Mapping[str, Any]]:
        return [asdict(trial) for trial in self.results.table(sweep.id)]

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
