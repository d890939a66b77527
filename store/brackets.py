"""Brackets in the record: jobs that are claimed together, and what their trainer must know to prune them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, not_, or_, select, update

from spec.halving import Bracket, BracketOrder, best_so_far
from spec.halvings import Population
from spec.job import JobSpec
from spec.population import EndedMember, PopulationOrder
from spec.states import FailureReason, JobStatus
from spec.sweep import SweepSpec

from .curves import read_curve
from .db import in_values, now
from .records import Claim
from .states import has_ended, queued, ready
from .tables import Generation, Job, Lease, Sweep

HELD_WAITS_S = 1.0
"""How long jobs of a bracket wait for those that a worker still holds, before they ask again."""

_PREFIX = "bracket:"


def bracket_key(sweep_id: str, generation: int) -> str:
    """What jobs of a bracket have in place of a pack key: they are claimed together, whatever their shapes."""
    return f"{_PREFIX}{sweep_id}:{generation}"


def is_bracket(pack_key: str) -> bool:
    """Whether jobs with this key are a bracket's."""
    return pack_key.startswith(_PREFIX)


def of_no_bracket() -> ColumnElement[bool]:
    """Jobs that may join a pack that trains already."""
    return not_(Job.pack_key.startswith(_PREFIX))


def wait_for_all(connection: Connection, pack_key: str) -> bool:
    """Let the queued jobs of a bracket wait for those that cannot start yet; whether there are any.

    While a worker holds some, which it gives back one after the other, the rest wait a moment; then they wait as long
    as the last of them. A rung that is decided without some of them lets others pass in their place.
    """
    mine = _of(pack_key)
    held = exists().where(Lease.job_id == Job.id, mine)
    if connection.execute(select(held)).scalar():
        until: Any = now(HELD_WAITS_S)
    else:
        last = select(func.max(Job.not_before)).where(queued(), mine, Job.not_before > now())
        if (until := connection.execute(last).scalar()) is None:
            return False
    sooner = or_(Job.not_before.is_(None), Job.not_before < until)
    connection.execute(update(Job).where(queued(), mine, sooner).values(not_before=until))
    return True


def some_wait(connection: Connection, pack_key: str) -> bool:
    """Whether jobs of a bracket are queued."""
    return bool(connection.execute(select(exists().where(queued(), _of(pack_key)))).scalar())


def brackets_beside(connection: Connection, pack_key: str) -> list[tuple[str, int]]:
    """Later brackets of the same sweep that wait, with how many of their jobs may start; none beside a population.

    Raises `NewerReleaseError`.
    """
    sweep_id, generation = _sweep_of(pack_key)
    spec = connection.execute(select(Sweep.spec).where(Sweep.id == sweep_id)).scalar_one()
    if isinstance(SweepSpec.stored(spec).halving, Population):
        return []
    waiting = (
        select(Job.pack_key, func.count())
        .where(ready(), Job.sweep_id == sweep_id, Job.pack_key.startswith(_PREFIX))
        .group_by(Job.pack_key)
    )
    counts = {_sweep_of(key)[1]: (key, count) for key, count in connection.execute(waiting)}
    return [counts[later] for later in sorted(counts) if later > generation]


def bracket_order(connection: Connection, pack_key: str) -> BracketOrder:
    """The rule of a bracket, and the scores at its rungs of jobs that have ended already."""
    sweep_id, generation = _sweep_of(pack_key)
    row = connection.execute(
        select(Sweep.spec, Generation.bracket)
        .join(Generation, Generation.sweep_id == Sweep.id)
        .where(Sweep.id == sweep_id, Generation.number == generation)
    ).one()
    sweep, bracket = SweepSpec.stored(row.spec), Bracket.model_validate(row.bracket)
    ended = connection.execute(
        select(Job.id, Job.trial, Job.status, Job.failure_reason, Job.spec, Job.epoch)
        .where(_of(pack_key), has_ended())
        .order_by(Job.trial, Job.replicate)
    ).all()
    left = select(Job.trial).where(_of(pack_key), not_(has_ended()))
    known: dict[int, list[tuple[float | None, ...]]] = {}
    for job in ended:
        scores = _scores(connection, job.id, bracket) if job.status == JobStatus.succeeded.value else _none(bracket)
        known.setdefault(job.trial, []).append(tuple(scores))
    return BracketOrder(
        bracket=bracket,
        replicates=sweep.replicates,
        trials=tuple(connection.execute(left.distinct().order_by(Job.trial)).scalars()),
        keep_models=sweep.keep_models,
        known={trial: tuple(scores) for trial, scores in known.items()},
        population=_population(sweep, generation, ended),
    )


def record_packs(
    connection: Connection, brackets: Mapping[str, Sequence[Claim]], limit: Callable[[JobSpec], int]
) -> None:
    """Record the sizes of the packs in which claimed jobs of brackets train, and where a shape of one has several.

    `brackets` are claims by pack key; `limit` is the most members of a pack, by their shape.
    """
    for alike in _shapes(claim for claims in brackets.values() for claim in claims):
        ours = in_values(connection, Job.id, [claim.job_id for claim in alike])
        size = min(limit(alike[0].spec), len(alike))
        connection.execute(update(Job).where(ours, Job.pack_size != size).values(pack_size=size))
    for pack_key, claims in brackets.items():
        shapes = _shapes(claims)
        packs = sum(math.ceil(len(alike) / limit(alike[0].spec)) for alike in shapes)
        if packs > len(shapes):
            sweep_id, generation = _sweep_of(pack_key)
            mine = (Generation.sweep_id == sweep_id, Generation.number == generation)
            split = func.coalesce(Generation.split, 0)
            connection.execute(update(Generation).where(*mine, split < packs).values(split=packs))


def _shapes(claims: Iterable[Claim]) -> list[list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.spec.pack_key, []).append(claim)
    return list(found.values())


def _population(sweep: SweepSpec, generation: int, ended: Sequence[Row[Any]]) -> PopulationOrder | None:
    """How the jobs copy each other; those that have ended by their own numbers may have been copied."""
    if not isinstance(sweep.halving, Population):
        return None
    copied = [
        EndedMember(id=job.id, trial=job.trial, spec=JobSpec.stored(job.spec), epoch=job.epoch)
        for job in ended
        if job.status == JobStatus.succeeded.value or job.failure_reason == FailureReason.diverged.value
    ]
    return PopulationOrder(
        rule=sweep.halving, space=sweep.space, seed=sweep.seed, generation=generation, ended=tuple(copied)
    )


def _scores(connection: Connection, job_id: str, bracket: Bracket) -> Sequence[float | None]:
    """The best score of a job up to each rung."""
    column = read_curve(connection, job_id).get(bracket.objective, [])
    return [_finite(best_so_far(column[:epoch], bracket.objective)) for epoch in bracket.epochs]


def _none(bracket: Bracket) -> Sequence[float | None]:
    return [None for _ in bracket.rungs]


def _finite(score: float) -> float | None:
    return None if score == float("inf") else score


def _of(pack_key: str) -> ColumnElement[bool]:
    """The jobs of a bracket; the sweep, too, for that has an index."""
    return and_(Job.sweep_id == _sweep_of(pack_key)[0], Job.pack_key == pack_key)


def _sweep_of(pack_key: str) -> tuple[str, int]:
    _, sweep_id, generation = pack_key.split(":")
    return sweep_id, int(generation)
