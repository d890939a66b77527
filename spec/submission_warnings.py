"""What is hardly meant in a job that is valid: the answer to its submission says so, and it is trained."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .architectures import Architecture, Mlp, Normalization, ResMlp

if TYPE_CHECKING:
    from .job import JobSpec


def warnings_of(specs: Iterable["JobSpec"]) -> list[str]:
    """Sentences about these jobs, each once."""
    return list(dict.fromkeys(said for spec in specs for said in _warnings(spec)))


def _warnings(spec: "JobSpec") -> Iterator[str]:
    if (most := spec.schedule.most(spec.epochs)) < 1.0:
        epochs = "1 epoch" if spec.epochs == 1 else f"{spec.epochs:,} epochs"
        yield (
            f"In {epochs}, schedule {spec.schedule.type} has a learning rate of {most * spec.learning_rate:.3g} "
            f"at most, not {spec.learning_rate:.3g}: train more epochs, or change the schedule."
        )
    if _normalizes_one(spec.architecture):
        yield (
            "With architecture.normalization layer, a hidden layer of one neuron has the same output for every row: "
            "use two neurons or more, or normalization none."
        )


def _normalizes_one(architecture: Architecture) -> bool:
    """Whether a layer's only number is compared with itself."""
    match architecture:
        case Mlp(normalization=Normalization.layer, hidden=hidden):
            return min(hidden) == 1
        case ResMlp(normalization=Normalization.layer, width=width):
            return width == 1
    return False
