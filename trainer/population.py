"""A population: members of a bracket that copy each other's rows at a rung (Jaderberg et al. 2017)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from pydantic import ValidationError

from spec.configuration import with_fields
from spec.halving import mean_score
from spec.population import PopulationOrder, exploits, explored, values_of

from .checkpoint import Checkpoint
from .layout import State
from .member import Entry, Member
from .pack import Pack

Replicate = tuple[int, int]
"""A seed and a fold: the jobs of a configuration differ in nothing else, and copy those with the same."""
Place = tuple[Pack, Member]


def exploit(packs: Sequence[Pack], order: PopulationOrder, epoch: int, replicates: int) -> None:
    """Let the worst configurations go on from copies of the best, after an epoch that all have ended.

    A configuration takes part as long as all of its jobs train. Packs may be several; their rows have one form.
    """
    whole = {trial: jobs for trial, jobs in _by_trial(packs).items() if len(jobs) == replicates}
    scores = {trial: mean_score(member.score for _, member in jobs.values()) for trial, jobs in whole.items()}
    changed: dict[int, list[tuple[Member, State]]] = {}
    for trial, copied in exploits(scores, order, epoch).items():
        for replicate, (pack, member) in whole[trial].items():
            source_pack, source = whole[copied][replicate]
            changed.setdefault(packs.index(pack), []).append((member, source_pack.training_rows([source])))
            member.follow(source, _explored(source, order, epoch, trial))
    for place, copies in changed.items():
        rows = {name: torch.cat([one[name].cpu() for _, one in copies]) for name in copies[0][1]}
        packs[place].overwrite([member for member, _ in copies], rows)


def _by_trial(packs: Iterable[Pack]) -> Mapping[int, Mapping[Replicate, Place]]:
    found: dict[int, dict[Replicate, Place]] = {}
    for pack in packs:
        for member in pack.members:
            if member.trial is not None:
                found.setdefault(member.trial, {})[member.spec.seed, member.spec.fold] = pack, member
    return found


def _explored(source: Member, order: PopulationOrder, epoch: int, trial: int) -> Mapping[str, float]:
    """The source's values with changes; without, where no job can have the changed ones."""
    values = values_of(source.spec, order)
    try:
        with_fields(source.spec, found := explored(values, order, epoch, trial))
    except ValidationError:
        return values
    return found


def resumed(
    entries: Sequence[Entry], order: PopulationOrder, rungs: Sequence[int]
) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """The jobs of a population that was interrupted, all between the same two rungs; and jobs that must train again.

    Others may have to copy a job that has ended since their checkpoints. Then all begin anew, and those that have ended
    train again beside them.
    """
    kept = [_by_rungs(entry) for entry in entries]
    common = set[int].intersection(*(set(one) for one in kept))
    needed = max((sum(rung < ended.epoch for rung in rungs) for ended in order.ended), default=0)
    at = max((passed for passed in common if passed >= needed), default=None)
    if at is not None:
        return [replace(entry, checkpoint=one[at], older=()) for entry, one in zip(entries, kept, strict=True)], ()
    anew = [replace(entry, checkpoint=None, older=()) for entry in entries]
    gone = [replace(anew[0], id=ended.id, spec=ended.spec, trial=ended.trial) for ended in order.ended]
    return anew, gone


def _by_rungs(entry: Entry) -> Mapping[int, Checkpoint | None]:
    """The newest checkpoint of each number of rungs that the job had passed; its beginning is before the first."""
    newest = [] if entry.checkpoint is None else [entry.checkpoint]
    found: dict[int, Checkpoint | None] = {0: None}
    return found | {one.state.rungs: one for one in reversed([*newest, *entry.older])}
