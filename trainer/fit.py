"""Training: the whole loop."""

from collections.abc import Sequence
from functools import partial

import torch

from spec.dataset import Shipped
from spec.job import JobSpec
from spec.states import FailureReason, StopReason

from .batch_loader import Chunk
from .callbacks import Callbacks, NullCallbacks
from .errors import TrainerError
from .member import Entry, Member, Outcome, Point
from .pack import Measured, Pack
from .results import success
from .sharding import SINGLE_PROCESS, Sharding


def fit(
    entries: Sequence[Entry],
    callbacks: Callbacks,
    *,
    device: torch.device,
    limit: int,
    sharding: Sharding = SINGLE_PROCESS,
) -> None:
    """Train jobs of one shape together, until each has ended and no more join.

    `entries` begin; `callbacks` may add others of the same pack key between epochs, up to `limit` members at a time.
    They receive each epoch's metrics and each member's outcome. Every member gets the result that it would get alone.
    The processes of a group train the same members, each on its shard of every batch (`sharding`).
    """
    if not entries:
        return
    pack = Pack(entries[0].spec, device, sharding)
    join(pack, entries, callbacks)
    del entries  # the checkpoints in them are as large as the pack
    while pack.members:
        train_epoch(pack, callbacks)
        evaluate(pack, callbacks)
        _checkpoint(pack, callbacks)
        join(pack, callbacks.new_entries(limit - len(pack.members)), callbacks)


def warm_up(device: torch.device) -> None:
    """Train the smallest job there is, so that the first real one does not wait for what is loaded at first use."""
    spec = JobSpec(dataset=Shipped(name="iris"), epochs=1, dropout=0.1)
    fit([Entry("warm-up", spec)], NullCallbacks(), device=device, limit=1)


def train_epoch(pack: Pack, callbacks: Callbacks) -> None:
    """One pass over the training split, in mini-batches: each member in its own order, with its own dropout."""
    pack.begin_epoch()
    for batches in pack.chunks():
        for member in pack.leave(callbacks.should_cancel()):
            callbacks.on_member_end(Outcome(member.id, "cancelled"))
        if not pack.members:
            return
        chunk = pack.load(batches)
        for position in range(len(batches)):
            pack.run(_train_batch, chunk, position)


def _train_batch(pack: Pack, chunk: Chunk, position: int) -> None:
    """One batch of every member, and one update of its weights when the batch completes a step."""
    batch = chunk.batch(position)
    forward = pack.forward(batch)
    loss, by_output = pack.loss(forward, batch)
    gradient = pack.backward(forward, by_output, batch)  # backpropagation
    pack.record(batch, loss, gradient)
    if batch.place.is_last:
        pack.descend(batch, gradient)  # gradient descent


def evaluate(pack: Pack, callbacks: Callbacks) -> None:
    """Measure every member, keep the best weights of those that improved, and end those that are done."""
    if not pack.members:
        return
    measured = pack.end_epoch()
    pack.keep_best([one.member for one in measured if one.member.measure(one.metrics)])
    callbacks.on_epoch_end(
        [Point(one.member.id, one.member.epoch, one.metrics, partial(pack.boundary, one.member)) for one in measured]
    )
    outcomes = _outcomes(pack, measured)
    pack.leave({outcome.id for outcome in outcomes})
    for outcome in outcomes:
        callbacks.on_member_end(outcome)


def _outcomes(pack: Pack, measured: Sequence[Measured]) -> list[Outcome]:
    """The outcomes of members that are done."""
    outcomes: list[Outcome] = []
    done: list[tuple[Member, StopReason]] = []
    for one in measured:
        reason = one.member.end_reason(one.metrics, one.gradient_norm)
        if isinstance(reason, Outcome):
            outcomes.append(reason)
        elif reason is not None:
            done.append((one.member, reason))
    results = pack.results([member for member, _ in done])
    return outcomes + [success(*each, result) for each, result in zip(done, results, strict=True)]


def _checkpoint(pack: Pack, callbacks: Callbacks) -> None:
    """Hand out the checkpoints that are due: a member that begins from one continues as if never interrupted."""
    due = callbacks.checkpoints_due() if pack.members else ()
    if checkpoints := pack.checkpoints(due):
        callbacks.on_checkpoint(checkpoints)


def join(pack: Pack, entries: Sequence[Entry], callbacks: Callbacks) -> None:
    """Add jobs to the pack; a job whose data cannot be used fails here, and the others are not affected."""
    members = []
    for entry in entries:
        try:
            pack.prepare(entry.spec, entry.table, entry.start)
        except TrainerError as error:
            callbacks.on_member_end(
                Outcome(entry.id, "failed", failure_reason=FailureReason.bad_data, message=str(error))
            )
        else:
            members.append(Member(entry))
    pack.join(members)
