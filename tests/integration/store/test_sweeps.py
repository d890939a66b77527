"""Sweeps in the record: proposed once, settled once, controlled with all their jobs."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text, update

from spec.access import Quotas, Role
from spec.halving import bracket
from spec.states import FailureReason, JobStatus, StopReason, SweepState, TrialState
from spec.sweep import RULES_VERSION, SweepSpec
from spec.views import Curve
from store.db import connect, now, reading, writing
from store.errors import IllegalSweepStateError, StoreUnavailableError, SweepNotFoundError
from store.limits import NONE, Limits
from store.parents import ParentStore
from store.records import Claim, Success
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from store.tables import Job, Lease, Sweep, Trial
from store.trials import NewTrial, TrialStore
from store.users import UserStore
from store.workers import WorkerRecord, WorkerStore
from sweeps.controller import FULL_S, Controller
from sweeps.proposals import propose
from tests.record import Record, listening


def asked(**fields: Any) -> SweepSpec:
    base = {"dataset": "iris", "epochs": 9, "architecture": {"type": "mlp", "hidden": [4]}}
    space = {"learning_rate": {"log_uniform": [1e-4, 1e-1]}}
    return SweepSpec.model_validate(
        {"base": base, "space": space, "method": "random", "trials": 6, "generation": 2, **fields}
    )


class SilentDoorbell:
    """Rings nowhere: no worker listens in these tests."""

    def ring(self, *job_ids: str) -> bool:
        return True


class House:
    """A sweep's record with a controller, and a worker that ends jobs by a rule."""

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self.sweeps, self.results, self.trials = SweepStore(engine), SweepResults(engine), TrialStore(engine)
        self.jobs = Record(engine, limits)

    def controller(self, name: str = "one") -> Controller:
        return Controller(self.trials, SilentDoorbell(), name)  # type: ignore[arg-type]

    def work(self, loss: Callable[[Any], float] = lambda spec: spec.learning_rate) -> int:
        """Train all that waits; how many jobs that were."""
        count = 0
        while claims := self.jobs.claim(worker="w", device="cpu", limit=1000, lease_s=60):
            ends = [_well(claim, loss(claim.spec)) for claim in claims]
            assert self.jobs.succeed(*ends) == {claim.job_id for claim in claims}
            count += len(claims)
        return count

    def run(self, sweep: SweepRecord, rounds: int = 40) -> SweepRecord:
        for place in range(rounds):
            self.controller(f"controller {place}").round()
            self.free(sweep)
            self.work()
            if self.sweeps.get(sweep.id, owner=None).state is not SweepState.running:
                break
        return self.sweeps.get(sweep.id, owner=None)

    def free(self, sweep: SweepRecord) -> None:
        """Let another controller have the sweep at once, as when this one was killed long ago."""
        self.trials.lease("nobody", -1.0)
        with writing(self.sweeps._engine) as connection:
            connection.execute(update(Sweep).where(Sweep.id == sweep.id).values(until=None))


def _well(claim: Claim, loss: float) -> Success:
    points: Curve = {"epoch": [1], "val_loss": [loss]}
    return Success(claim.job_id, claim.attempt, StopReason.max_epochs, 1, {"val_loss": loss}, points=points)


@pytest.fixture
def house(engine: Engine) -> House:
    return House(engine)


def test_a_round_in_which_nothing_moves_reads_three_times_and_writes_nothing(house: House) -> None:
    house.sweeps.submit(asked(), owner="ann")
    controller = house.controller()
    while controller.round():
        pass
    with listening(house.sweeps._engine) as statements:
        assert not controller.round()
    texts = [statement for statement, _ in statements]
    assert not [text for text in texts if text.startswith(("UPDATE", "INSERT", "BEGIN IMMEDIATE"))]
    assert sum(text.startswith("SELECT") for text in texts) == 3


class Broken(TrialStore):
    """A record in which one sweep is such as nobody thought of."""

    def settle(self, sweep: SweepRecord, limit: int = 1_000) -> int:
        if sweep.spec.name == "broken":
            raise ZeroDivisionError
        return super().settle(sweep, limit)


def test_a_sweep_at_which_the_controller_fails_stops_no_other(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    house = House(engine)
    house.trials = Broken(engine)
    house.sweeps.submit(asked(name="broken"), owner="ann")
    sweep = house.sweeps.submit(asked(), owner="ann")
    controller = house.controller()
    assert [controller.round() for _ in range(2)] == [True, False]
    assert house.sweeps.get(sweep.id, owner=None).trials > 0
    assert [record.message.endswith("is passed over") for record in caplog.records].count(True) == 1


def test_a_sweep_ends_with_all_its_configurations(house: House) -> None:
    sweep = house.run(house.sweeps.submit(asked(), owner="ann"))
    assert (sweep.state, sweep.trials, sweep.generations) == (SweepState.finished, 6, 3)
    found, following = house.results.trials(sweep.id)
    assert [trial.number for trial in found] == list(range(6))
    assert following is None
    assert {trial.state for trial in found} == {TrialState.finished}
    best = house.results.best(sweep.id)
    assert [trial.score for trial in best] == sorted(trial.configuration["learning_rate"] for trial in found)
    assert house.results.counts(sweep).jobs[JobStatus.succeeded] == 6


@pytest.mark.either_database
@pytest.mark.parametrize(("given", "kept"), [({}, RULES_VERSION), ({"version": 1}, 1)])
def test_a_sweep_keeps_the_version_of_its_rules(house: House, given: dict[str, int], kept: int) -> None:
    sweep = house.sweeps.submit(asked(**given), owner="ann")
    assert sweep.spec.version == kept
    assert house.sweeps.extend(sweep.id, 9, owner="ann").spec.version == kept
    assert house.sweeps.submit(sweep.spec, owner="ann", replays=sweep.id).spec.version == kept


def test_seeds_are_jobs_of_one_configuration(house: House) -> None:
    sweep = house.run(house.sweeps.submit(asked(seeds=3, trials=2), owner="ann"))
    jobs = house.results.jobs_of(sweep.id, [0, 1])
    assert [len(theirs) for theirs in jobs.values()] == [3, 3]
    assert all(trial.deviation == 0.0 for trial in house.results.best(sweep.id))
    specs = [house.jobs.get(row.id, owner="ann").spec for row in jobs[0]]
    assert [spec.seed for spec in specs] == [0, 1, 2]


@pytest.mark.parametrize("method", ["random", "sobol", "tpe", "grid"])
def test_the_same_sweep_has_the_same_table_whoever_proposes(house: House, method: str) -> None:
    space = {"learning_rate": {"uniform": [0.01, 0.1], "step": 0.01}}
    tables = []
    for _ in range(2):
        sweep = house.run(house.sweeps.submit(asked(method=method, space=space), owner="ann"))
        found, _next = house.results.trials(sweep.id)
        tables.append([(trial.number, trial.configuration, trial.score) for trial in found])
    assert tables[0] == tables[1]
    assert len(tables[0]) == 6


@pytest.mark.either_database
@pytest.mark.parametrize(
    ("fields", "opened"),
    [
        ({"method": "random"}, 3),
        ({"method": "random", "parallel": 1}, 1),
        ({"method": "random", "halving": "successive", "trials": 12}, 8),
        ({"method": "tpe"}, 2),
        ({"method": "random", "trials": {"epochs": 100}}, 2),
    ],
    ids=["independent", "one after the other", "brackets", "learns", "budget"],
)
def test_a_generation_waits_where_nothing_is_learned_from_those_that_train(
    house: House, fields: dict[str, Any], opened: int
) -> None:
    sweep = house.sweeps.submit(asked(**{"generation": 1, **fields}), owner="ann")
    controller = house.controller()
    while controller.round():
        pass
    assert house.sweeps.get(sweep.id, owner="ann").generations == opened


def test_a_generation_is_stored_once(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=8), owner="ann")
    first, second = house.controller("a"), house.controller("b")
    first.round()
    (ours,) = house.trials.lease("a", 10.0)
    assert ours.generations == 3
    assert house.trials.lease("b", 10.0) == []
    assert not second.round()
    assert house.trials.begin(sweep, 0, _bracket(sweep), [], exhausted=True) == []
    assert not house.sweeps.get(sweep.id, owner="ann").exhausted


def _bracket(sweep: SweepRecord) -> Any:
    from spec.halving import bracket

    return bracket(sweep.spec, 0, 2)


def test_a_bracket_is_claimed_as_a_whole_and_split_where_it_is_too_large(house: House) -> None:
    sweep = house.sweeps.submit(asked(halving="successive", generation=5, parallel=1), owner="ann")
    house.controller().round()
    claims = house.jobs.claim(worker="w", device="cpu", limit=lambda spec: 2, lease_s=60)
    assert len(claims) == 5
    assert house.jobs.claim(worker="v", device="cpu", limit=2, lease_s=60) == []
    assert {house.jobs.get(claim.job_id, owner=None).pack_size for claim in claims} == {2}
    assert house.results.split(sweep.id) == {0: 3}


@pytest.mark.either_database
def test_a_sweep_whose_brackets_are_larger_than_the_quota_goes_on_in_smaller_ones(house: House, engine: Engine) -> None:
    UserStore(engine).create("ann", Role.member, Quotas(queued=10))
    base = {"dataset": "iris", "epochs": 81}
    sweep = house.sweeps.submit(asked(base=base, halving="hyperband", trials=40), owner="ann")
    house.controller().round()
    waiting = house.results.counts(sweep).jobs[JobStatus.queued]
    assert 0 < waiting <= 10
    ended = house.run(sweep, rounds=80)
    assert (ended.state, ended.trials) == (SweepState.finished, 40)


def test_a_sweep_whose_quota_became_too_small_says_why_it_waits_and_goes_on_with_a_larger_one(
    house: House, engine: Engine
) -> None:
    users = UserStore(engine)
    users.create("ann", Role.member, Quotas(queued=3))
    sweep = house.sweeps.submit(asked(seeds=3, trials=2), owner="ann")
    users.change("ann", quotas=Quotas(queued=2))
    house.controller().round()
    waiting = house.sweeps.get(sweep.id, owner="ann")
    assert (waiting.state, waiting.trials) == (SweepState.running, 0)
    assert waiting.message is not None
    assert waiting.message.startswith(
        "Its next 3 jobs wait together, and the quota of queued jobs of ann is 2: it goes"
    )
    users.change("ann", quotas=Quotas(queued=3))
    ended = house.run(sweep)
    assert (ended.state, ended.trials, ended.message) == (SweepState.finished, 2, None)


def test_a_sweep_whose_next_jobs_never_fit_a_quota_asks_again_in_a_while(house: House, engine: Engine) -> None:
    users = UserStore(engine)
    users.create("ann", Role.member, Quotas(queued=2))
    at = [time.time()]
    controller = Controller(house.trials, SilentDoorbell(), "one", lease_s=600.0, now=lambda: at[0])  # type: ignore[arg-type]
    sweep = house.sweeps.submit(asked(seeds=3, trials=2), owner="ann")
    assert not controller.round()
    with listening(engine) as statements:
        assert not controller.round()
    assert sum(text.startswith("SELECT") for text, _ in statements) == 2  # its lease, and what has ended
    users.change("ann", quotas=Quotas(queued=3))
    controller.round()
    assert house.sweeps.get(sweep.id, owner="ann").trials == 0
    at[0] += FULL_S
    controller.round()
    assert house.sweeps.get(sweep.id, owner="ann").trials == 1


def test_a_sweep_before_a_full_queue_says_why_asks_again_in_a_while_and_goes_on(house: House, engine: Engine) -> None:
    UserStore(engine).create("ann", Role.member, Quotas(queued=3))
    at = [time.time()]
    controller = Controller(house.trials, SilentDoorbell(), "one", lease_s=600.0, now=lambda: at[0])  # type: ignore[arg-type]
    house.sweeps.submit(asked(trials=2), owner="ann")
    assert controller.round()
    second = house.sweeps.submit(asked(trials=2), owner="ann")
    assert not controller.round()
    waiting = house.sweeps.get(second.id, owner="ann")
    assert (waiting.state, waiting.trials) == (SweepState.running, 0)
    assert waiting.message == (
        "The quota of queued jobs of ann is 3, and 2 wait: its next jobs follow by themselves when some have started."
    )
    with listening(engine) as statements:
        assert not controller.round()
    assert not [text for text, _ in statements if text.startswith(("UPDATE", "INSERT", "BEGIN IMMEDIATE"))]
    assert house.work() == 2
    controller.round()
    assert house.sweeps.get(second.id, owner="ann").trials == 0
    at[0] += FULL_S
    assert controller.round()
    begun = house.sweeps.get(second.id, owner="ann")
    assert (begun.trials, begun.message) == (2, None)


BRACKETS = {"halving": "successive", "generation": 2, "trials": 8}
"""Four brackets of two."""


def test_brackets_that_wait_are_claimed_together_and_count_as_one_pack(house: House) -> None:
    house.sweeps.submit(asked(**BRACKETS), owner="ann")
    house.controller().round()
    claims = house.jobs.claim(worker="w", device="cpu", limit=lambda spec: 5, lease_s=60)
    orders = {id(claim.bracket): claim.bracket for claim in claims}.values()
    assert [order.trials for order in orders if order is not None] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert all(claim.bracket is not None and claim.trial in claim.bracket.trials for claim in claims)
    assert {house.jobs.get(claim.job_id, owner=None).pack_size for claim in claims} == {5}
    with reading(house.sweeps._engine) as connection:
        assert connection.execute(select(func.count(Lease.since.distinct()))).scalar() == 1


def test_hyperbands_bracket_without_rungs_is_claimed_beside_the_others(house: House) -> None:
    house.sweeps.submit(asked(halving="hyperband", trials=17), owner="ann")
    house.controller().round()
    claims = house.jobs.claim(worker="w", device="cpu", limit=17, lease_s=60)
    rungs = Counter(len(claim.bracket.bracket.rungs) for claim in claims if claim.bracket is not None)
    assert rungs == {2: 9, 1: 5, 0: 3}


@pytest.mark.either_database
@pytest.mark.parametrize(
    ("limit", "slots", "fields", "taken"),
    [
        (1, 1, {}, 4),
        (5, 2, {}, 4),
        (5, 3, {}, 4),
        (5, 4, {}, 2),
        (5, 1, {"halving": {"type": "population", "interval": 3}, "parallel": 4}, 2),
    ],
    ids=["they fill four packs", "half for another slot", "a share is rounded up", "a slot each", "a population"],
)
def test_a_slot_takes_its_share_of_the_brackets_that_wait(
    house: House, limit: int, slots: int, fields: dict[str, Any], taken: int
) -> None:
    WorkerStore(house.sweeps._engine).heartbeat(WorkerRecord("w", "host", 1, ["cpu"] * slots, ["cpu"] * slots))
    house.sweeps.submit(asked(**{**BRACKETS, **fields}), owner="ann")
    house.controller().round()
    assert len(house.jobs.claim(worker="w", device="cpu", limit=limit, lease_s=60)) == taken


def test_no_bracket_joins_others_beyond_what_an_owner_may_have_running(engine: Engine) -> None:
    house = House(engine, Limits(owner_running=5))
    house.sweeps.submit(asked(**BRACKETS), owner="ann")
    house.controller().round()
    assert len(house.jobs.claim(worker="w", device="cpu", limit=9, lease_s=60)) == 4


def test_a_bracket_that_is_given_back_job_by_job_is_claimed_as_a_whole_again(house: House) -> None:
    house.sweeps.submit(asked(halving="successive", generation=5, parallel=1), owner="ann")
    house.controller().round()
    first, *others = house.jobs.claim(worker="w", device="cpu", limit=10, lease_s=60)
    assert house.jobs.requeue(first.job_id, first.attempt, reason="its worker stops", charge=False)
    assert house.jobs.claim(worker="v", device="cpu", limit=10, lease_s=60) == []
    for place, claim in enumerate(others):
        assert house.jobs.requeue(claim.job_id, claim.attempt, reason="stops", charge=False, wait_s=30.0 * place)
    assert house.jobs.claim(worker="v", device="cpu", limit=10, lease_s=60) == []
    with writing(house.sweeps._engine) as connection:
        assert connection.execute(select(func.count()).where(Job.not_before > now(80.0))).scalar() == 5
        connection.execute(update(Job).values(not_before=now()))
    claims = house.jobs.claim(worker="v", device="cpu", limit=10, lease_s=60)
    assert {claim.job_id for claim in claims} == {first.job_id, *(claim.job_id for claim in others)}


def test_a_bracket_of_which_another_transaction_holds_a_row_is_claimed_as_a_whole_afterwards(house: House) -> None:
    engine = house.sweeps._engine
    if engine.dialect.name == "sqlite":  # which has one writer, and no locks of rows
        return
    house.sweeps.submit(asked(halving="successive", generation=5, parallel=1), owner="ann")
    house.controller().round()
    with engine.begin() as other:
        other.execute(select(Job.id).where(Job.trial == 2).with_for_update(key_share=True))
        assert house.jobs.claim(worker="w", device="cpu", limit=10, lease_s=60) == []
        with reading(engine) as connection:
            assert connection.execute(select(func.count(Lease.job_id))).scalar() == 0
    claims = house.jobs.claim(worker="w", device="cpu", limit=10, lease_s=60)
    assert [claim.attempt for claim in claims] == [1] * 5


def test_a_failed_job_fails_its_configuration_only(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=2), owner="ann")
    house.controller().round()
    first, *_ = house.jobs.claim(worker="w", device="cpu", limit=1, lease_s=60)
    house.jobs.fail(first.job_id, first.attempt, reason=FailureReason.diverged, message="it diverged")
    done = house.run(sweep)
    assert done.state is SweepState.finished
    counts = house.results.counts(sweep).trials
    assert (counts[TrialState.failed], counts[TrialState.finished]) == (1, 1)
    assert len(house.results.best(sweep.id)) == 1
    assert done.message is None


def lose(house: House, *, jobs: int, reason: FailureReason = FailureReason.worker_lost) -> None:
    """Let the next jobs fail; others of their bracket wait again."""
    for place, claim in enumerate(house.jobs.claim(worker="w", device="cpu", limit=jobs, lease_s=60)):
        if place < jobs:
            assert house.jobs.fail(claim.job_id, claim.attempt, reason=reason, message="It failed.")
        else:
            assert house.jobs.requeue(claim.job_id, claim.attempt, reason="its worker stops", charge=False)


def finished_with(house: House, reason: FailureReason, **fields: Any) -> SweepRecord:
    """A sweep that has finished, and two jobs of which failed."""
    sweep = house.sweeps.submit(asked(**fields), owner="ann")
    house.controller().round()
    lose(house, jobs=2, reason=reason)
    return house.run(sweep)


def table_of(house: House, sweep: SweepRecord) -> list[tuple[Any, ...]]:
    rows = house.results.table(sweep.id)
    return [(row.number, row.state, row.configuration, row.score, row.deviation, row.metrics) for row in rows]


@pytest.mark.either_database
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"seeds": 3},
        {"folds": 3},
        {"method": "sobol"},
        {"trials": {"seconds": 3600}, "space": {"epochs": [3, 4, 5]}},
    ],
    ids=["random", "seeds", "folds", "sobol", "seconds"],
)
def test_a_sweep_whose_failed_jobs_are_retried_has_the_table_of_one_in_which_none_failed(
    house: House, fields: dict[str, Any]
) -> None:
    whole = house.run(house.sweeps.submit(asked(**fields), owner="ann"))
    sweep = finished_with(house, FailureReason.worker_lost, **fields)
    assert table_of(house, sweep) != table_of(house, whole)
    assert house.sweeps.retryable(sweep) == 2
    retried, ids = house.sweeps.retry(sweep.id, owner="ann", actor="ann")
    assert (retried.state, retried.finished_at, len(ids)) == (SweepState.running, None, 2)
    counts = house.results.counts(retried)
    assert counts.jobs[JobStatus.queued] == 2
    assert counts.trials[TrialState.failed] == 0
    with pytest.raises(IllegalSweepStateError, match="running cannot be retried: none of its jobs has failed"):
        house.sweeps.retry(sweep.id, owner="ann", actor="ann")
    ended = house.run(sweep)
    assert (ended.state, house.sweeps.retryable(ended)) == (SweepState.finished, 0)
    assert table_of(house, ended) == table_of(house, whole)
    assert house.trials.open_generations(sweep.id) == set()


def test_failed_jobs_are_retried_while_their_sweep_goes_on(house: House) -> None:
    whole = house.run(house.sweeps.submit(asked(trials=12), owner="ann"))
    sweep = house.sweeps.submit(asked(trials=12), owner="ann")
    controller = house.controller()
    controller.round()
    lose(house, jobs=2)
    controller.round()
    assert house.results.counts(sweep).trials[TrialState.failed] == 2
    assert len(house.sweeps.retry(sweep.id, owner="ann", actor="ann")[1]) == 2
    ended = house.run(sweep)
    assert (ended.state, table_of(house, ended)) == (SweepState.finished, table_of(house, whole))


@pytest.mark.either_database
@pytest.mark.parametrize("reason", [FailureReason.diverged, FailureReason.bad_data])
def test_a_job_that_fails_on_every_try_is_not_retried(house: House, reason: FailureReason) -> None:
    sweep = finished_with(house, reason)
    assert house.sweeps.retryable(sweep) == 0
    with pytest.raises(IllegalSweepStateError, match="none of its jobs has failed in a way that another try may mend"):
        house.sweeps.retry(sweep.id, owner="ann", actor="ann")
    assert house.sweeps.get(sweep.id, owner="ann") == sweep


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"method": "tpe"}, "tpe proposes configurations from how the others ended"),
        ({"halving": "successive"}, "the others of a bracket went on without those that failed"),
        ({"trials": {"epochs": 9}}, "the epochs of all its jobs decide how many configurations it has"),
    ],
    ids=["tpe", "halving", "a budget of epochs"],
)
def test_no_job_is_retried_where_others_depend_on_how_it_ended(house: House, fields: dict[str, Any], why: str) -> None:
    sweep = finished_with(house, FailureReason.worker_lost, **fields)
    assert house.sweeps.retryable(sweep) == 0
    with pytest.raises(IllegalSweepStateError, match=f"finished cannot be retried: {why}; submit the spec of a failed"):
        house.sweeps.retry(sweep.id, owner="ann", actor="ann")
    assert house.sweeps.get(sweep.id, owner="ann") == sweep


@pytest.mark.parametrize("fields", [{"method": "tpe"}, {"halving": "successive"}], ids=["tpe", "halving"])
def test_a_sweep_without_failed_jobs_says_that_there_is_none_to_retry(house: House, fields: dict[str, Any]) -> None:
    sweep = house.run(house.sweeps.submit(asked(**fields), owner="ann"))
    with pytest.raises(IllegalSweepStateError, match="finished cannot be retried: none of its jobs has failed"):
        house.sweeps.retry(sweep.id, owner="ann", actor="ann")


def test_a_sweep_that_is_paused_or_cancelled_is_not_retried(house: House) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    house.controller().round()
    lose(house, jobs=2)
    for control, cure in ((house.sweeps.pause, "resume or cancel it"), (house.sweeps.cancel, "that is for good")):
        stopped = control(sweep.id, owner="ann", actor="ann")
        assert house.sweeps.retryable(stopped) == 0
        with pytest.raises(IllegalSweepStateError, match=f"cannot be retried: {cure}"):
            house.sweeps.retry(sweep.id, owner="ann", actor="ann")
        assert house.results.counts(stopped).jobs[JobStatus.failed] == 2


def test_a_configuration_that_a_retry_opens_between_two_looks_is_not_settled_by_the_older_one(
    house: House, engine: Engine
) -> None:
    sweep = house.sweeps.submit(asked(trials=2), owner="ann")
    house.controller().round()
    lose(house, jobs=1)
    firsts = iter([True])

    def look(*_: Any) -> None:
        if next(firsts, False):  # while the older look goes on
            assert TrialStore(engine).settle(sweep) == 1
            house.sweeps.retry(sweep.id, owner="ann", actor="ann")

    event.listen(engine, "after_cursor_execute", look)
    try:
        assert house.trials.settle(sweep) == 0
    finally:
        event.remove(engine, "after_cursor_execute", look)
    assert house.results.counts(sweep).trials[TrialState.open] == 2
    assert house.run(sweep).state is SweepState.finished
    assert house.results.counts(sweep).trials[TrialState.finished] == 2


def test_a_sweep_does_not_finish_while_a_retry_opens_its_configurations(house: House, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":  # which has one writer
        return
    sweep = finished_with(house, FailureReason.worker_lost)
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as retry:  # as `SweepStore.retry` does, of a sweep that is about to finish
            retry.execute(update(Sweep).where(Sweep.id == sweep.id).values(state="running", mirrored=False))
        with writing(engine) as retry:
            retry.execute(update(Sweep).where(Sweep.id == sweep.id).values(mirrored=False))
            retry.execute(update(Trial).where(Trial.sweep_id == sweep.id, Trial.number == 0).values(state="open"))
            ending = pool.submit(house.trials.finish, sweep)
            while not (one_waits(engine) or ending.done()):
                time.sleep(0.01)
        assert not ending.result(timeout=30)
    assert house.sweeps.get(sweep.id, owner="ann").state is SweepState.running


def test_a_sweep_whose_configurations_all_failed_says_why(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=2), owner="ann")
    house.controller().round()
    for claim in house.jobs.claim(worker="w", device="cpu", limit=2, lease_s=60):
        house.jobs.fail(claim.job_id, claim.attempt, reason=FailureReason.diverged, message="It diverged.")
    done = house.run(sweep)
    assert (done.state, done.message) == (
        SweepState.finished,
        "No configuration was trained to its end. #0 failed: It diverged.",
    )
    assert house.sweeps.extend(sweep.id, 3, owner="ann").message is None


def test_a_sweep_with_a_job_that_is_none_fails_and_the_others_go_on(house: House) -> None:
    body = asked(seeds=2).model_dump(mode="json", exclude_unset=True)
    body["base"]["seed"] = 2**63 - 1  # as an older release stored it
    wrong = house.sweeps.submit(SweepSpec.stored(body), owner="ann")
    ended = house.run(house.sweeps.submit(asked(), owner="ann"))
    assert (ended.state, ended.trials) == (SweepState.finished, 6)
    failed = house.sweeps.get(wrong.id, owner="ann")
    assert failed.state is SweepState.failed
    assert (failed.message or "").startswith("One of its jobs is not valid: seed must be at most")


def test_the_counts_of_jobs_are_those_of_their_rows(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=6, seeds=2), owner="ann")
    house.controller().round()
    first, *others = house.jobs.claim(worker="w", device="cpu", limit=3, lease_s=60)
    house.jobs.fail(first.job_id, first.attempt, reason=FailureReason.diverged, message="it diverged")
    for claim in others:
        points: Curve = {"epoch": [1, 2], "val_loss": [0.5, 0.4]}
        end = Success(claim.job_id, claim.attempt, StopReason.max_epochs, 2, {"val_loss": 0.4}, points=points)
        house.jobs.succeed(end)
    for _ in range(3):
        counts, jobs = house.results.counts(sweep), house.results.jobs_of(sweep.id, range(6))
        statuses = Counter(job.status for theirs in jobs.values() for job in theirs)
        assert {state: count for state, count in counts.jobs.items() if count} == statuses
        assert counts.epochs == sum(job.epoch for theirs in jobs.values() for job in theirs)
        assert sum(counts.trials.values()) == len([theirs for theirs in jobs.values() if theirs])
        house.controller().round()
        house.work()


def test_cancelling_ends_all_its_jobs(house: House) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    house.controller().round()
    (running,) = house.jobs.claim(worker="w", device="cpu", limit=1, lease_s=60)
    assert house.sweeps.cancel(sweep.id, owner="ann", actor="ann").state is SweepState.cancelled
    counts = house.results.counts(sweep).jobs
    assert (counts[JobStatus.cancelled], counts[JobStatus.running]) == (5, 1)
    job = house.jobs.get(running.job_id, owner="ann")
    assert job.cancel_requested_at is not None
    assert job.finished_at is None
    assert house.controller().round()
    ended = house.results.counts(sweep).trials
    assert (ended[TrialState.cancelled], ended[TrialState.open]) == (5, 1)
    assert house.jobs.confirm_cancel(running.job_id, running.attempt)
    assert house.controller().round()
    assert house.results.counts(sweep).trials[TrialState.cancelled] == 6
    assert not house.controller().round()
    assert house.sweeps.cancel(sweep.id, owner="ann", actor="ann").state is SweepState.cancelled


def test_what_was_read_of_a_cancelled_sweep_before_its_jobs_ended_is_not_the_last_of_it(house: House) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    house.controller().round()
    (running,) = house.jobs.claim(worker="w", device="cpu", limit=1, lease_s=60)
    read = house.sweeps.cancel(sweep.id, owner="ann", actor="ann")
    assert house.jobs.confirm_cancel(running.job_id, running.attempt)
    while house.controller().round():
        pass
    ended, parents = house.sweeps.get(sweep.id, owner="ann"), ParentStore(house.sweeps._engine)
    assert ended.state is SweepState.cancelled
    assert ended.finished_at != read.finished_at
    assert not parents.sent(read, None)
    assert [one.id for one in parents.pending()] == [sweep.id]
    assert parents.sent(ended, None)


def test_curves_are_read_as_far_as_they_are_asked_for(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=1, seeds=2), owner="ann")
    house.controller().round()
    for claim in house.jobs.claim(worker="w", device="cpu", limit=2, lease_s=60):
        points: Curve = {"epoch": [1, 2, 3], "val_loss": [0.3, 0.2, 0.1]}
        house.jobs.succeed(
            Success(claim.job_id, claim.attempt, StopReason.max_epochs, 3, {"val_loss": 0.1}, points=points)
        )
    house.run(sweep)
    assert house.results.curves(sweep.id, "val_loss", 10, upto=2) == [(0.1, [[0.3, 0.2]] * 2)]


def test_a_paused_sweep_goes_on_where_it_was(house: House) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    house.controller().round()
    assert house.sweeps.pause(sweep.id, owner="ann", actor="ann").state is SweepState.paused
    assert house.work() == 0
    assert not house.controller().round()
    assert house.sweeps.resume(sweep.id, owner="ann", actor="ann").state is SweepState.running
    assert house.run(sweep).trials == 6
    with pytest.raises(IllegalSweepStateError, match="finished cannot be paused: it has ended; extend it"):
        house.sweeps.pause(sweep.id, owner="ann", actor="ann")


def test_a_sweep_is_controlled_though_its_jobs_are_written_to_in_another_order(
    house: House, engine: Engine, request: pytest.FixtureRequest
) -> None:
    sweep = house.sweeps.submit(asked(), owner="ada")
    house.controller().round()
    first, second = (claim.job_id for claim in house.jobs.claim(worker="w", device="cpu", limit=2, lease_s=60))
    impatient = connect(engine.url.render_as_string(hide_password=False))
    request.addfinalizer(impatient.dispose)
    if engine.dialect.name == "postgresql":  # who waits looks for a deadlock once, after this time
        event.listen(impatient, "connect", lambda driver, _: driver.execute("SET deadlock_timeout = '300ms'"))
    sweeps = SweepStore(impatient)
    with ThreadPoolExecutor(1) as pool:
        for verb in (sweeps.pause, sweeps.resume, sweeps.cancel):
            # On a busy machine it is the heartbeat that looks last, and is undone: a worker sends it again.
            with suppress(StoreUnavailableError), writing(engine) as heartbeat:
                heartbeat.execute(update(Job).where(Job.id == second).values(epoch=1))
                controlled = pool.submit(verb, sweep.id, owner="ada", actor="ada")
                while engine.dialect.name == "postgresql" and not (one_waits(engine) or controlled.done()):
                    time.sleep(0.01)
                heartbeat.execute(update(Job).where(Job.id == first).values(epoch=1))
            assert controlled.result(timeout=30).id == sweep.id
    assert house.sweeps.get(sweep.id, owner="ada").state is SweepState.cancelled


def one_waits(engine: Engine) -> bool:
    """Whether a transaction waits for a lock of another."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with reading(engine) as connection:
        return bool(connection.execute(text(waiting)).scalar_one())


def test_a_finished_sweep_can_be_extended(house: House) -> None:
    sweep = house.run(house.sweeps.submit(asked(), owner="ann"))
    house.sweeps.extend(sweep.id, 10, owner="ann")
    done = house.run(sweep)
    assert (done.state, done.trials) == (SweepState.finished, 10)


def test_an_extension_while_the_last_generation_is_proposed_is_kept(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials=2), owner="ann")
    (read,) = house.trials.lease("one", 10.0)
    house.sweeps.extend(sweep.id, 4, owner="ann")
    (one,) = propose(read.spec, (), generation=0, count=1).proposals
    trial = NewTrial(one.configuration, one.digest, [one.job])
    assert house.trials.begin(read, 0, bracket(read.spec, 0, 1), [trial], exhausted=True) == []
    ended = house.run(sweep)
    assert (ended.state, ended.trials) == (SweepState.finished, 4)


def test_an_extension_leaves_a_sweep_paused_that_was_paused_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    house.sweeps.pause(sweep.id, owner="ann", actor="ann")
    looks = iter([sweep])
    look = house.sweeps.get
    monkeypatch.setattr(house.sweeps, "get", lambda *args, **more: next(looks, None) or look(*args, **more))
    extended = house.sweeps.extend(sweep.id, 9, owner="ann")
    assert (extended.state, extended.spec.trials) == (SweepState.paused, 9)


def test_a_budget_of_epochs_ends_a_sweep(house: House) -> None:
    sweep = house.run(house.sweeps.submit(asked(trials={"epochs": 4}), owner="ann"))
    assert sweep.state is SweepState.finished
    assert 4 <= sweep.trials <= 8


@pytest.mark.either_database
def test_a_budget_of_seconds_that_are_over_at_once_has_a_first_generation(house: House) -> None:
    sweep = house.sweeps.submit(asked(trials={"seconds": 1e-9}), owner="ann")
    done = house.run(sweep)
    assert (done.state, done.trials, done.message) == (SweepState.finished, 2, None)


@pytest.mark.either_database
@pytest.mark.parametrize(
    ("fields", "generation"),
    [({}, 10), ({"seeds": 2}, 5), ({"version": 3}, 64), ({"halving": "first_epoch"}, 64)],
)
def test_a_generation_takes_a_tenth_of_a_budget_of_epochs(
    house: House, fields: dict[str, Any], generation: int
) -> None:
    sweep = house.sweeps.submit(asked(trials={"epochs": 900}, generation=64, parallel=1, **fields), owner="ann")
    house.controller().round()
    assert house.sweeps.get(sweep.id, owner=None).trials == generation


def test_trials_are_paged_in_order_and_best_first(house: House) -> None:
    sweep = house.run(house.sweeps.submit(asked(trials=7), owner="ann"))
    for by_score in (False, True):
        whole, _ = house.results.trials(sweep.id, by_score=by_score)
        paged, after = house.results.trials(sweep.id, by_score=by_score, limit=3)
        while after is not None:
            more, after = house.results.trials(sweep.id, by_score=by_score, limit=3, after=after)
            paged += more
        assert paged == whole
    assert [trial.score for trial in whole] == sorted(trial.score or 0.0 for trial in whole)


def test_a_sweep_is_its_owners(house: House) -> None:
    sweep = house.sweeps.submit(asked(), owner="ann")
    with pytest.raises(SweepNotFoundError):
        house.sweeps.get(sweep.id, owner="bob")
    assert house.sweeps.list_sweeps(owner="bob") == ([], [], None)
    assert [one.id for one in house.sweeps.list_sweeps(owner="ann")[0]] == [sweep.id]
