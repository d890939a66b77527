"""The proposals: the next configurations of a sweep that no job was trained for yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pydantic import ValidationError

from spec.configuration import Configuration, digest_of
from spec.halving import bracket
from spec.job import JobSpec
from spec.sweep import LISTED, MOST_TRIALS, SweepSpec

from .history import Trial
from .methods import METHODS, grid, random

TRIES = 8
"""A generation looks at so many candidates per configuration, and at some more, before it lists what is left."""
MORE_TRIES = 64
MOST_TRIED = 512
"""For so many configurations of a generation, since TPE looks at all candidates again for each that follows."""
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
    """Whether the space has no others, or none was found."""
    refused: int
    """Candidates that no job could be."""
    refusals: tuple[Refusal, ...]
    """Why, once for each field, rule and wrong value; the first of them."""
    passed: int = field(default=0, compare=False)
    """The first place of a Sobol sequence that no generation has looked at."""


def propose(sweep: SweepSpec, history: Sequence[Trial], *, generation: int, count: int, passed: int = 0) -> Generation:
    """`count` configurations, or fewer when no others were found. The same arguments give the same proposals.

    `history` are all trials that were proposed, in order; of some the score may not be known yet. No proposal repeats
    one of them. `passed`, of the generation before, only saves looking at a Sobol sequence's first places again.
    """
    seen = {trial.digest for trial in history}
    proposals: list[Proposal] = []
    refused, refusals = 0, dict[str, Refusal]()
    first = len(history) if sweep.method == "sobol" else 0  # each configuration had a place
    tries = _tries(sweep, generation, count, first)
    looked = min(max(passed - first, 0), tries) if sweep.method == "sobol" else 0
    candidates = _candidates(sweep, history, generation, (looked, tries))
    # As many at a time as are missing: a processor does one thing often faster than two things in turn.
    while missing := list(islice(candidates, count - len(proposals))):
        looked += len(missing)
        for candidate in missing:
            try:
                job = sweep.first_job(candidate)
            except ValidationError as error:
                refused += 1
                if len(refusals) < MOST_REFUSALS:
                    refusals.setdefault(_fault(error), Refusal(candidate, error))
                continue
            digest = digest_of(job, by_meaning=sweep.version > 6)
            if digest not in seen:
                seen.add(digest)
                proposals.append(Proposal(candidate, digest, job))
    ends = sweep.version < 5 or sweep.method in LISTED or _is_listed(sweep) or not proposals
    return Generation(
        tuple(proposals),
        exhausted=ends and len(proposals) < count,
        refused=refused,
        refusals=tuple(refusals.values()),
        passed=first + min(looked, tries),
    )


def _fault(error: ValidationError) -> str:
    """What is wrong first: a field, a rule, and the value unless it is the whole job."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "rule":
        return str(first["ctx"])
    return f"{first['loc']} {first['type']} {first['input']!r}"


def _candidates(
    sweep: SweepSpec, history: Sequence[Trial], generation: int, looked_at: tuple[int, int]
) -> Iterator[Configuration]:
    """The method's candidates, from the first to the last that is looked at, and then others.

    Where they repeat themselves, these are what a space with an end has left, in order. Where they find no job in an
    endless one, they are draws at random.
    """
    asked = METHODS[sweep.method](sweep, history, generation)
    if sweep.method in LISTED:
        yield from asked
        return
    yield from islice(asked, *looked_at)
    if _is_listed(sweep):
        yield from grid(sweep, (), generation)
    elif sweep.version > 4 and sweep.method != "random":
        yield from islice(random(sweep, (), generation), looked_at[1])


def _tries(sweep: SweepSpec, generation: int, count: int, first: int) -> int:
    """How many candidates a generation looks at, behind the `first` place of a Sobol sequence.

    From version 4 on, it comes by places that were no job again. From version 5 on, the number depends on the spec
    and not on `count`: where few configurations are found, a replay asks for these few.
    """
    passed = first if sweep.version > 3 else 0
    if sweep.version < 5:
        return TRIES * (count + passed) + MORE_TRIES
    most = max(count, bracket(sweep, generation, MOST_TRIALS).size)
    return most + (TRIES - 1) * min(most, MOST_TRIED) + TRIES * passed + MORE_TRIES


def _is_listed(sweep: SweepSpec) -> bool:
    """Whether the space has an end that is looked at."""
    return sweep.is_finite and sweep.combinations <= MOST_TRIALS
