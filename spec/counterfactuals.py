"""Counterfactuals of a job: the same job with one thing changed, to be trained beside it.

They are what a teacher would try: another learning rate, more or fewer neurons, dropout, weight decay, another
activation, more epochs, standardised features, another batch size, another loss. Only those that are valid jobs, and
differ from the job and from each other, are kept.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from .activations import Activation
from .architectures import Cnn, Mlp, Perceptron, ResMlp
from .configuration import Configuration, digest_of, with_fields
from .dataset import Targets
from .job import JobSpec
from .learning_curve import LEAST_PATIENCE
from .losses import Link
from .monitors import Monitor
from .optimizers import Sgd
from .sweep import SweepSpec

SEEDS = 5
RATES = (0.1, 1.0 / 3.0, 3.0, 10.0)
DROPOUTS = (0.0, 0.2, 0.5)
DECAYS = (0.0, 1e-3, 1e-2)
WIDTH_FACTOR = 4
MOST_NEURONS = 4096
PATIENCE = 20


def counterfactuals(spec: JobSpec, suggestion: JobSpec | None = None) -> tuple[Configuration, ...]:
    """The job itself, {}, and its counterfactuals; `suggestion` is the one of its verdict."""
    candidates = [*_changes(spec), _difference(spec, suggestion)]
    found: dict[str, Configuration] = {digest_of(spec): {}}
    for change in candidates:
        try:
            found.setdefault(digest_of(with_fields(spec, change)), change)
        except ValidationError:
            continue
    return tuple(found.values())


def improvement_sweep(spec: JobSpec, suggestion: JobSpec | None = None, *, seeds: int = SEEDS) -> SweepSpec:
    """The sweep that trains the job and its counterfactuals, each with the same seeds."""
    configurations = counterfactuals(spec, suggestion)
    return SweepSpec.model_validate(
        {
            "name": f"improve {spec.name or spec.architecture.type}"[:200],
            "base": spec,
            "method": "given",
            "configurations": configurations,
            "objective": objective_of(spec, suggestion),
            "trials": len(configurations),
            "seeds": seeds,
            "mirror": "best",
        }
    )


def objective_of(spec: JobSpec, suggestion: JobSpec | None = None) -> Monitor:
    """The metric by which a job and its counterfactuals are compared; `suggestion` is the one of its verdict.

    It is the metric that the job monitors, unless that is a loss: losses of two kinds, or of targets in two units,
    cannot be compared. Then it is accuracy or R² of the validation rows, at the best epoch of each job's own monitor.
    Where the verdict is that accuracy comes from the largest class only, it is balanced accuracy.
    """
    if not spec.monitored.endswith("loss"):
        return spec.monitored
    of_classes = spec.info is not None and spec.info.targets is Targets.classes
    if spec.validates and of_classes:
        misses_rare = suggestion is not None and suggestion.class_weight != spec.class_weight
        return "val_balanced_accuracy" if misses_rare else "val_accuracy"
    if spec.validates:
        return "val_r2"
    return "train_accuracy" if of_classes and spec.train_metrics == "exact" else "train_loss"


def words(spec: JobSpec, change: Configuration) -> str:
    """A change in words: "learning_rate 0.01 instead of 0.1"."""
    if not change:
        return "the job as it is"
    changed = with_fields(spec, change)
    before, after = (one.model_dump(mode="json") | {"standardize": one.standardizes} for one in (spec, changed))
    parts = (_change_words(name, before[name], after[name]) for name in after if before[name] != after[name])
    return ", ".join(parts)


def _change_words(name: str, before: Any, after: Any) -> str:
    """A field's change; of an object only the fields inside that differ, if it is of the same type."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get("type") == after.get("type"):
        inner = (_change_words(key, before.get(key), after[key]) for key in after if before.get(key) != after[key])
        return ", ".join(inner)
    return f"{name} {_shown(after)} instead of {_shown(before)}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping) and "type" in value:
        rest = ", ".join(_shown(each) for key, each in value.items() if key == "hidden")
        return f"{value['type']} {rest}".strip()
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "given ones"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# --- the changes ------------------------------------------------------------------------------------------------------


def _changes(spec: JobSpec) -> Iterator[Configuration]:
    """All candidates; some of them are the job itself, or no job."""
    yield from ({"learning_rate": float(f"{spec.learning_rate * factor:.4g}")} for factor in RATES)
    yield {"epochs": 3 * spec.epochs}
    yield from ({"batch_size": size} for size in _batch_sizes(spec))
    yield {"optimizer": "adam", "learning_rate": 0.001} if isinstance(spec.optimizer, Sgd) else {}
    yield from ({"weight_decay": decay} for decay in DECAYS)
    if not isinstance(spec.architecture, Perceptron):
        yield from ({"dropout": rate} for rate in DROPOUTS)
    if not spec.restore_best and spec.validates:
        yield {"patience": PATIENCE, "restore_best": True}
    elif spec.patience is not None and spec.patience <= LEAST_PATIENCE:
        yield {"patience": PATIENCE}
    yield from _other_losses(spec)
    if spec.init_from is None:  # else the network and its features are those of the other job
        yield from _other_networks(spec)


def _batch_sizes(spec: JobSpec) -> Iterator[int]:
    """A quarter and four times the rows."""
    if spec.batch_size == "full":
        yield 32
    else:
        yield from (max(spec.batch_size // 4, 1), 4 * spec.batch_size)


def _other_losses(spec: JobSpec) -> Iterator[Configuration]:
    """Cross-entropy for classes; the squared and the robust error for numbers. Not where losses are compared."""
    if spec.info is None or objective_of(spec).endswith("loss"):
        return
    if spec.info.targets is Targets.numbers:
        yield from ({"loss": loss, "output_activation": None} for loss in ("mse", "huber"))
    elif spec.loss.traits.link not in (Link.softmax, Link.sigmoid):
        yield {"loss": "cross_entropy", "output_activation": None, "label_smoothing": 0.0}


def _other_networks(spec: JobSpec) -> Iterator[Configuration]:
    if not objective_of(spec).endswith("loss"):
        yield {"standardize": True}
    kaiming, torch_default = (
        {"initial_weights": name, "initial_biases": None} for name in ("kaiming_uniform", "torch_default")
    )
    yield from (kaiming, torch_default)
    for architecture in _other_widths(spec.architecture):
        yield {"architecture": architecture} | (kaiming if _has_given_weights(spec) else {})
    used = set(spec.activation if isinstance(spec.activation, tuple) else (spec.activation,))
    for other in (Activation.relu, Activation.leaky_relu, Activation.tanh):
        if used != {other} and not isinstance(spec.architecture, Perceptron):
            yield {"activation": other.value}


def _has_given_weights(spec: JobSpec) -> bool:
    return isinstance(spec.initial_weights, tuple) or spec.initial_biases is not None


def _other_widths(architecture: Perceptron | Mlp | ResMlp | Cnn) -> Iterator[dict[str, Any]]:
    """Four times and a quarter of the neurons; of a perceptron an MLP."""
    fields = architecture.model_dump(mode="json", exclude_unset=True) | {"type": architecture.type}
    for factor in (WIDTH_FACTOR, 1.0 / WIDTH_FACTOR):
        match architecture:
            case Perceptron(bias=bias):
                yield {"type": "mlp", "hidden": [32], "bias": bias}
            case ResMlp(width=width):
                yield fields | {"width": _scaled(width, factor)}
            case Mlp(hidden=hidden) | Cnn(hidden=hidden) if hidden:
                yield fields | {"hidden": [_scaled(width, factor) for width in hidden]}


def _scaled(width: int, factor: float) -> int:
    return min(max(int(width * factor), 1), max(MOST_NEURONS, width))


def _difference(spec: JobSpec, other: JobSpec | None) -> Configuration:
    """The fields in which another spec differs."""
    if other is None:
        return {}
    before, after = spec.model_dump(mode="json"), other.model_dump(mode="json")
    return {name: value for name, value in after.items() if value != before[name]}
