"""What is hardly meant in a job that is valid: the answer to its submission says so, and it is trained."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .architectures import Architecture, Mlp, Normalization, ResMlp
from .dataset import Inline, Targets
from .monitors import figure

if TYPE_CHECKING:
    from .job import JobSpec

MOST_LABELS = 20
"""Whole numbers with no more different values may be class labels: those of an upload are."""


def warnings_of(specs: Iterable["JobSpec"]) -> list[str]:
    """Sentences about these jobs, each once."""
    return list(dict.fromkeys(said for spec in specs for said in _warnings(spec)))


def _warnings(spec: "JobSpec") -> Iterator[str]:
    if (most := spec.schedule.most(spec.epochs)) < 1.0:
        epochs = "1 epoch" if spec.epochs == 1 else f"{spec.epochs:,} epochs"
        yield (
            f"In {epochs}, schedule {spec.schedule.type} has a learning rate of {figure(most * spec.learning_rate)} "
            f"at most, not {figure(spec.learning_rate)}: train more epochs, or change the schedule."
        )
    if (labels := _whole_targets(spec)) > 1:
        yield (
            f"The targets are {labels} different whole numbers, and loss {spec.loss.type} learns them as numbers: if "
            "they are classes, use loss cross_entropy."
        )
    if _normalizes_one(spec.architecture):
        yield (
            "With architecture.normalization layer, a hidden layer of one neuron has the same output for every row: "
            "use two neurons or more, or normalization none."
        )


def _whole_targets(spec: "JobSpec") -> int:
    """How many different whole numbers are learnt as numbers, where so few in the spec itself may be classes; else 0.

    Uploads have a note of their own. Counts are what they are.
    """
    data, traits = spec.dataset, spec.loss.traits
    if not isinstance(data, Inline) or spec.info is None or spec.info.targets is not Targets.numbers:
        return 0
    values = data.distinct_targets
    are_counts, are_rows = traits.limits is not None, isinstance(data.y[0], tuple)
    if are_counts or are_rows or not all(value.is_integer() for value in values):
        return 0
    return len(values) if len(values) <= min(MOST_LABELS, len(data.y) // 2) else 0


def _normalizes_one(architecture: Architecture) -> bool:
    """Whether a layer's only number is compared with itself."""
    match architecture:
        case Mlp(normalization=Normalization.layer, hidden=hidden):
            return min(hidden) == 1
        case ResMlp(normalization=Normalization.layer, width=width):
            return width == 1
    return False
