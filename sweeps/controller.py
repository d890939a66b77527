"""The controller: it proposes the next generation of each running sweep, and writes how configurations ended.

Its memory is the record: killed at any moment, another controller goes on. A generation is proposed from those that
ended `parallel` generations before, so no worker waits for the slowest job, and the order of arrival changes nothing.
A sweep that was cancelled or failed proposes nothing more, and is looked after until its jobs have ended.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile

from pydantic import ValidationError

from spec.halving import bracket, most_together
from spec.halvings import FirstEpoch, Hyperband, Successive
from spec.job import JobSpec
from spec.states import SweepState, TrialState
from spec.sweep import MOST_TRIALS, Budget, SweepSpec
from spec.validation_errors import sentences
from store.doorbell import Doorbell
from store.errors import DatasetNotFoundError, QueueFullError, StoreUnavailableError
from store.sweep_records import SweepRecord, TrialRecord
from store.trials import NewTrial, TrialStore

from .history import Trial
from .proposals import Proposal, propose

log = logging.getLogger(__name__)

BRACKETS_AHEAD = 8
"""So many brackets are open where nothing is learned from those that train."""

FULL_S = 1.0
"""After so long a sweep that found the queue full, or too small, asks again: a proposal takes processor time."""

_FOLLOWS = ": its next jobs follow by themselves when some have started."
"""The end of what a sweep says before a full queue."""


class _NeverFitsError(Exception):
    """So many jobs may never wait together, as long as nobody changes a quota."""


@dataclass
class _Memory:
    """What the controller remembers of a sweep, so that it is not read or proposed again."""

    settled: list[Trial] = field(default_factory=list)
    """Its first configurations, as far as nothing changes them any more."""
    passed: tuple[int, int] = 0, 0
    """How many configurations it had, and what its proposals had passed by then."""
    full_at: float = float("-inf")
    """When it last found the queue full, or too small."""
    error: str = ""
    """Why it was passed over, as the log has it."""


class Controller:
    """Proposes and settles, sweep by sweep.

    `name` tells it from other controllers. A sweep is its own for `lease_s` seconds after it last looked at it.
    """

    def __init__(
        self,
        store: TrialStore,
        doorbell: Doorbell,
        name: str,
        lease_s: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._doorbell, self._name = store, doorbell, name
        self._lease_s, self._now = lease_s, now
        self._memories: dict[str, _Memory] = {}

    def round(self) -> bool:
        """Look after every sweep that is ours once; whether one of them has moved."""
        sweeps = self._store.lease(self._name, self._lease_s)
        self._memories = {sweep.id: self._memories.get(sweep.id) or _Memory() for sweep in sweeps}
        moved = [self._moved(sweep) for sweep in sweeps]
        return any(moved)

    def _moved(self, sweep: SweepRecord) -> bool:
        """Look after a sweep; one at which that fails is passed over, so that all others go on."""
        try:
            return self._look_after(sweep)
        except StoreUnavailableError:
            raise
        except Exception as error:
            memory = self._memories[sweep.id]
            if memory.error != repr(error):
                log.exception("sweep %s is passed over", sweep.id)
            memory.error = repr(error)
            return False

    def _look_after(self, sweep: SweepRecord) -> bool:
        settled = self._store.settle(sweep)
        if sweep.state is not SweepState.running:
            return (not self._store.open_generations(sweep.id) and self._store.release(sweep)) or bool(settled)
        if (settled or not self._was_full(sweep)) and self._may_propose(sweep):
            try:
                self._propose_all(sweep)
            except QueueFullError as error:
                self._wait(sweep, error)
                return bool(settled)
            except _NeverFitsError as error:
                self._memories[sweep.id].full_at = self._now()
                if sweep.message != str(error):
                    log.warning("sweep %s waits: %s", sweep.id, error)
                    self._store.wait(sweep, str(error))
                return bool(settled)
            except DatasetNotFoundError as error:
                self._store.fail(sweep, str(error))
            except ValidationError as error:
                first = sentences(error, dict.fromkeys(JobSpec.model_fields))[0]
                self._store.fail(sweep, f"One of its jobs is not valid: {first.path} {first.message}.")
            return True
        if sweep.exhausted and not self._store.open_generations(sweep.id) and self._store.finish(sweep):
            log.info("sweep %s has ended with %d configurations", sweep.id, sweep.trials)
            return True
        return bool(settled)

    def _may_propose(self, sweep: SweepRecord) -> bool:
        """Whether the generations that the next one learns from have ended."""
        if sweep.exhausted:
            return False
        needed = sweep.generations - _open_at_once(sweep.spec)
        return not any(number <= needed for number in self._store.open_generations(sweep.id))

    def _was_full(self, sweep: SweepRecord) -> bool:
        """Whether the queue was full, or too small, for the sweep a moment ago."""
        return 0.0 <= self._now() - self._memories[sweep.id].full_at < FULL_S

    def _wait(self, sweep: SweepRecord, full: QueueFullError) -> None:
        """Ask later; a sweep of which nothing waits or trains says why, once."""
        self._memories[sweep.id].full_at = self._now()
        if (sweep.message or "").endswith(_FOLLOWS) or self._store.open_generations(sweep.id):
            return
        log.info("sweep %s waits: %s", sweep.id, full)
        self._store.wait(sweep, full.why + _FOLLOWS)

    def _propose_all(self, sweep: SweepRecord) -> None:
        """Propose all generations that may be open, and then ring for them: a slot trains several together."""
        proposed: list[str] = []
        try:
            while self._may_propose(sweep):
                sweep, ids = self._propose(sweep)
                if not ids:
                    break
                proposed += ids
        finally:
            if proposed:
                self._doorbell.ring(*proposed)

    def _propose(self, sweep: SweepRecord) -> tuple[SweepRecord, list[str]]:
        """Store the next generation and queue its jobs; nothing, when the sweep asks for no more, or has it already."""
        began = time.perf_counter()
        history = self._history(sweep)
        generation, spec = sweep.generations, sweep.spec
        left = self._left(sweep, history)
        most = self._store.most_jobs(sweep)
        together = MOST_TRIALS if most is None else max(most.jobs // spec.replicates, 1)
        together = min(together, most_together(spec))
        planned = bracket(spec, generation, min(left, together))
        if sweep.replays is not None:
            planned = self._store.replayed(sweep, generation) or planned
        count = planned.size
        if most is not None and left and count * spec.replicates > most.jobs:
            raise _NeverFitsError(
                f"Its next {count * spec.replicates:,} jobs wait together, and {most.sentence}: "
                "it goes on when an administrator gives a larger one."
            )
        had, passed = self._memories[sweep.id].passed
        passed = passed if had == len(history) else 0
        proposed = propose(spec, history, generation=generation, count=count, passed=passed)
        trials = [
            NewTrial(one.configuration, one.digest, _jobs(spec, one, len(history) + place))
            for place, one in enumerate(proposed.proposals)
        ]
        if len(trials) < count:
            planned = bracket(spec, generation, len(trials))
        exhausted = proposed.exhausted or len(trials) >= left
        asked_s = time.perf_counter() - began
        ids = self._store.begin(sweep, generation, planned, trials, exhausted=exhausted)
        if ids:
            log.info("sweep %s: generation %d has %d jobs, asked in %.3f s", sweep.id, generation, len(ids), asked_s)
        total = sweep.trials + len(trials)
        self._memories[sweep.id].passed = total, proposed.passed
        return replace(sweep, generations=generation + 1, trials=total, exhausted=exhausted), ids

    def _history(self, sweep: SweepRecord) -> Sequence[Trial]:
        """All configurations, as the next generation may know them; those that are settled are read once."""
        settled = self._memories[sweep.id].settled
        records = self._store.history(sweep.id, len(settled))
        later = [_known(sweep, record) for record in records]
        history = [*settled, *later]
        pairs = takewhile(lambda pair: _is_settled(*pair), zip(records, later, strict=True))
        settled += (trial for _, trial in pairs)
        return history

    def _left(self, sweep: SweepRecord, history: Sequence[Trial]) -> int:
        """How many configurations may still be proposed; a budget, however small, has a first generation."""
        spec = sweep.spec
        left = spec.most_trials - len(history)
        if isinstance(spec.trials, Budget) and history:
            most = spec.trials.epochs
            if most is not None and self._store.spent(sweep.id, sweep.generations - spec.parallel) >= most:
                return 0
            if spec.trials.seconds is not None and self._age_s(sweep.created_at) >= spec.trials.seconds:
                return 0
        return max(left, 0)

    def _age_s(self, since: datetime) -> float:
        return self._now() - since.timestamp()


def _open_at_once(spec: SweepSpec) -> int:
    """How many generations may be open: those that train, and one that waits, so that no slot waits for it.

    Of brackets more wait, since a slot trains several together. None waits where the next one depends on how others
    ended; and with `parallel: 1`, they train one after the other.
    """
    learns = spec.method == "tpe" or isinstance(spec.trials, Budget)
    if learns or spec.parallel == 1:
        return spec.parallel
    together = isinstance(spec.halving, Hyperband | Successive | FirstEpoch)
    return max(spec.parallel + 1, BRACKETS_AHEAD if together else 0)


def _known(sweep: SweepRecord, trial: TrialRecord) -> Trial:
    """A configuration as the method may know it: those of the generations that train beside have no score yet."""
    ended = trial.generation <= sweep.generations - sweep.spec.parallel
    score = (float("inf") if trial.score is None else trial.score) if ended else None
    return Trial(
        trial.number,
        trial.generation,
        trial.configuration,
        trial.digest,
        score=score,
        epochs=trial.epochs // sweep.spec.replicates,
        pruned=trial.state is TrialState.pruned,
    )


def _is_settled(record: TrialRecord, trial: Trial) -> bool:
    """Whether a configuration has ended, and every later generation may know how."""
    return record.state is not TrialState.open and trial.score is not None


def _jobs(sweep: SweepSpec, proposal: Proposal, number: int) -> list[JobSpec]:
    """The jobs of a configuration, each with the name of its sweep and its number."""
    jobs = [proposal.job, *(sweep.job(proposal.configuration, replicate) for replicate in range(1, sweep.replicates))]
    name = f"{(sweep.name or 'sweep')[:180]} #{number}"
    names = [f"{name}/{replicate}" for replicate in range(len(jobs))] if len(jobs) > 1 else [name]
    return [job.model_copy(update={"name": name}) for job, name in zip(jobs, names, strict=True)]
