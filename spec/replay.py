"""Replays: the same training again, and whether every number is the same, bit for bit.

Two jobs are compared by all that they leave: the curve, the best metrics, why training ended, and the digests of the
files. Two sweeps are compared by their tables.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from .base import Frozen
from .states import FailureReason, JobStatus, StopReason
from .views import Curve, Metrics


class Difference(Frozen):
    """The first number that differs."""

    configuration: int | None = None
    """Of a sweep: the number of the configuration."""
    epoch: int | None = None
    """Of a curve: the epoch."""
    name: str
    """The metric, file or field; of best metrics it begins with `best `."""
    original: Any
    """Its value in the original; null if it is not there, or no finite number. Of a file, its SHA-256."""
    replay: Any
    """Its value in the replay."""

    def __str__(self) -> str:
        parts = (
            self.name,
            f" of epoch {self.epoch}" if self.epoch is not None else "",
            f" of configuration {self.configuration}" if self.configuration is not None else "",
        )
        return f"{''.join(parts)}: {self.original!r} in the original, {self.replay!r} in the replay"


class ReplayView(Frozen):
    """A replay beside its original."""

    original: str
    replay: str
    status: str
    """The state of the replay."""
    same: bool | None
    """Whether every number is the same, bit for bit; null if the replay has not ended, or was ended from outside."""
    compared: int
    """Numbers that were compared, up to the first difference."""
    first_difference: Difference | None
    sentence: str


@dataclass(frozen=True)
class Trained:
    """A job that has ended, and what it left."""

    status: JobStatus
    epoch: int
    curve: Curve
    stop_reason: StopReason | None = None
    failure_reason: FailureReason | None = None
    best_epoch: int | None = None
    best_metrics: Metrics | None = None
    files: Mapping[str, str] | None = None
    """SHA-256 by name."""
    device: str | None = None

    @property
    def ended_by_itself(self) -> bool:
        """Whether its numbers alone ended it: not a user, a lost worker, or the rivals in its bracket."""
        if self.status is JobStatus.succeeded:
            return self.stop_reason is not StopReason.pruned
        return self.failure_reason is FailureReason.diverged

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.stop_reason is StopReason.pruned:
            return "was pruned by its sweep"
        if self.status is JobStatus.cancelled:
            return "was cancelled"
        return f"failed ({self.failure_reason})" if self.failure_reason else str(self.status)


@dataclass(frozen=True)
class Comparison:
    """How many values were compared, and the first that differs."""

    compared: int
    difference: Difference | None


Places = Iterator[tuple[dict[str, Any], Any]]
"""Where a value stands, as fields of `Difference`, and the value."""

_NOTHING: tuple[dict[str, Any], Any] = {}, None


def compare(original: Places, replay: Places) -> Comparison:
    """The values in order, up to the first that differs or that only one side has."""
    count = 0
    for count, pair in enumerate(zip_longest(original, replay, fillvalue=_NOTHING), start=1):
        if repr(pair[0]) != repr(pair[1]):  # to the bit: 0.0 is not -0.0, and 1 is not 1.0
            place = pair[0][0] or pair[1][0]
            value, again = (value if at == place else None for at, value in pair)
            return Comparison(count, Difference(**place, original=value, replay=again))
    return Comparison(count, None)


def compare_jobs(original: Trained, replay: Trained) -> Comparison:
    """All that both left; of an original that did not end by itself, the epochs that it has."""
    if original.ended_by_itself:
        return compare(_all_of(original), _all_of(replay))
    return compare(_curve(original.curve), _curve(_first(replay.curve, len(original.curve["epoch"]))))


def compare_tables(original: Sequence[Mapping[str, Any]], replay: Sequence[Mapping[str, Any]]) -> Comparison:
    """The configurations of two sweeps, field by field; each has its `number`."""
    return compare(_table(original), _table(replay))


def job_replay(original: Trained, replay: Trained, *, ids: tuple[str, str]) -> ReplayView:
    """The view of a job's replay that has ended."""
    if not replay.ended_by_itself and original.ended_by_itself:
        return unfinished(ids, replay.status, f"The replay {replay.end}: replay the job again.")
    done = compare_jobs(original, replay)
    if done.difference is not None:
        sentence = f"The first number that differs is {done.difference}."
        one, other = _without_slot(original.device), _without_slot(replay.device)
        if one != other:
            sentence += f" The original ran on {one}, the replay on {other}: devices round differently."
    elif original.ended_by_itself:
        sentence = f"All {done.compared:,} numbers are the same, bit for bit: curve, best metrics and model."
    else:
        sentence = (
            f"All {done.compared:,} numbers of the original's {original.epoch} epochs are the same, bit for bit. "
            f"The original {original.end}, so only these are compared."
        )
    return _view(ids, replay.status, done, sentence)


def _without_slot(device: str | None) -> str:
    """The device without the number of its CPU slot: all slots of a processor round alike."""
    return re.sub(r"cpu:\d+", "cpu", device or "none")


def sweep_replay(
    original: Sequence[Mapping[str, Any]], replay: Sequence[Mapping[str, Any]], *, ids: tuple[str, str], status: str
) -> ReplayView:
    """The view of a sweep's replay that has finished."""
    done = compare_tables(original, replay)
    sentence = (
        f"All {done.compared:,} values of {len(original):,} configurations are the same, bit for bit."
        if done.difference is None
        else f"The first value that differs is {done.difference}."
    )
    return _view(ids, status, done, sentence)


def unfinished(ids: tuple[str, str], status: str, sentence: str) -> ReplayView:
    """The view of a replay that cannot be compared, or not yet."""
    original, replay = ids
    return ReplayView(
        original=original,
        replay=replay,
        status=status,
        same=None,
        compared=0,
        first_difference=None,
        sentence=sentence,
    )


def _view(ids: tuple[str, str], status: str, done: Comparison, sentence: str) -> ReplayView:
    return ReplayView(
        original=ids[0],
        replay=ids[1],
        status=status,
        same=done.difference is None,
        compared=done.compared,
        first_difference=done.difference,
        sentence=sentence,
    )


def _all_of(job: Trained) -> Places:
    yield from _curve(job.curve)
    yield {"name": "end"}, str(job.failure_reason or job.stop_reason)
    yield {"name": "best epoch"}, job.best_epoch
    for name, value in sorted((job.best_metrics or {}).items()):
        yield {"name": f"best {name}"}, value
    for name, digest in sorted((job.files or {}).items()):
        yield {"name": name}, digest


def _curve(curve: Curve) -> Places:
    names = sorted(name for name in curve if name != "epoch")
    for place, epoch in enumerate(curve["epoch"]):
        for name in names:
            yield {"epoch": int(epoch or 0), "name": name}, curve[name][place]


def _first(curve: Curve, epochs: int) -> Curve:
    return {name: column[:epochs] for name, column in curve.items()}


def _table(trials: Sequence[Mapping[str, Any]]) -> Places:
    """All but digests, which a release with another field of jobs makes otherwise."""
    for trial in trials:
        for name, value in trial.items():
            if name not in ("number", "digest"):
                yield {"configuration": trial["number"], "name": name}, value
