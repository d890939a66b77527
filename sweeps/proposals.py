"""The proposals: the next configurations of a sweep that no job was trained for yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from spec.job import JobSpec
from spec.sweep import LISTED, MOST_TRIALS, Configuration, SweepSpec, digest_of

from .history import Trial
from .methods import METHODS, grid

TRIES = 8
"""A generation looks at so many candidates per configuration, and at some more, before it lists what is left."""
MORE_TRIES = 64
MOST_REFUSALS = 200
"""Most refusals that are kept, to say why."""


@dataclass(frozen=True)
class Proposal:
    """A configuration to train."""

    configuration: Configuration
    digest: str
    job: JobSpec
    """The job of its first seed or fold."""


@dataclass(frozen=True)
class Refusal:
    """A combination that no job could be, and why."""

    configuration: Configuration
    error: ValidationError


@dataclass(frozen=True)
class Generation:
    """The proposals of one generation."""

    proposals: tuple[Proposal, ...]
    exhausted: bool
    """Whether the space has no others."""
    refused: int
    """Candidates that no job could be."""
    refusals: tuple[Refusal, ...]
    """Why, once for each field, rule and wrong value; the first of them."""


def propose(sweep: SweepSpec, history: Sequence[Trial], *, generation: int, count: int) -> Generation:
    """`count` configurations, or fewer when there are no others. The same arguments give the same proposals.

    `history` are all trials that were proposed, in order; of some the score may not be known yet. No proposal repeats
    one of them.
    """
    seen = {trial.digest for trial in history}
    proposals: list[Proposal] = []
    refused, refusals = 0, dict[str, Refusal]()
    candidates = _candidates(sweep, history, generation, count)
    # As many at a time as are missing: a processor does one thing often faster than two things in turn.
    while missing := list(islice(candidates, count - len(proposals))):
        for candidate in missing:
            try:
                job = sweep.first_job(candidate)
            except ValidationError as error:
                refused += 1
                if len(refusals) < MOST_REFUSALS:
                    refusals.setdefault(_fault(error), Refusal(candidate, error))
                continue
            digest = digest_of(job)
            if digest not in seen:
                seen.add(digest)
                proposals.append(Proposal(candidate, digest, job))
    return Generation(tuple(proposals), len(proposals) < count, refused, tuple(refusals.values()))


def _fault(error: ValidationError) -> str:
    """What is wrong first: a field, a rule, and the value unless it is the whole job."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "rule":
        return str(first["ctx"])
    return f"{first['loc']} {first['type']} {first['input']!r}"


def _candidates(sweep: SweepSpec, history: Sequence[Trial], generation: int, count: int) -> Iterator[Configuration]:
    """The method's candidates; where they repeat themselves, what a space with an end has left, in order.

    A Sobol sequence has passed one place for each configuration, and comes by those that were no job again.
    """
    asked = METHODS[sweep.method](sweep, history, generation)
    if sweep.method in LISTED:
        yield from asked
        return
    passed = len(history) if sweep.method == "sobol" and sweep.version > 3 else 0
    yield from islice(asked, TRIES * (count + passed) + MORE_TRIES)
    if sweep.is_finite and sweep.combinations <= MOST_TRIALS:
        yield from grid(sweep, (), generation)
