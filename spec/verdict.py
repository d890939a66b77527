"""The verdict on a finished curve: a kind, a sentence and a spec to try next.

The rule compares losses with the *baseline*, the loss of an untrained network: ln(classes) for cross-entropies, the
variance of standardised targets, else the loss after the first epoch. docs/verdicts.md explains the rule to users; the
thresholds are here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from .activations import Activation
from .architectures import Cnn, Mlp, Perceptron, ResMlp
from .base import Frozen
from .dataset import Targets
from .job import JobSpec
from .states import FailureReason

Column = Sequence[float | None]

RISE_OF_BEST = 0.2
"""Overfit: the last validation loss exceeds the least one by this share of the least one ..."""
RISE_OF_BASELINE = 0.1
"""... and by this share of the baseline."""
ACCURACY_GAP = 0.15
"""Overfit, too: training accuracy exceeds validation accuracy by this much at the best epoch."""
LEAST_ACCURACY = 0.85
"""Underfit: training accuracy at the best epoch is below this ..."""
LEAST_EXPLAINED = 0.4
"""... or, for a loss without accuracy, the training loss has fallen by less than this share of the baseline."""
JUMP = 0.1
"""Unstable: the training loss rises by more than this share of the baseline from one epoch to the next ..."""
JUMPS = 0.15
"""... in at least this share of the epochs."""
STILL_FALLING = 0.05
"""Training ended too early: more than this share of the whole fall of the loss came in the last tenth of the epochs."""


class VerdictKind(StrEnum):
    """The kinds of verdict."""

    underfit = "underfit"
    good = "good"
    overfit = "overfit"
    diverged = "diverged"
    unstable = "unstable"


class Verdict(Frozen):
    """The verdict on a finished curve."""

    kind: VerdictKind
    sentence: Annotated[str, Field(description="What the curve shows and what to try, for people.")]
    gap: Annotated[float | None, Field(description="Validation loss minus training loss at the best epoch.")]
    best_epoch: Annotated[
        int | None,
        Field(description="Epoch of the least validation loss; of the least training loss without validation."),
    ]
    suggestion: Annotated[
        JobSpec | None, Field(description="Spec of a job to try next; POST /jobs accepts it unchanged.")
    ]


def judge(spec: JobSpec, curve: dict[str, list[float | None]], failure: FailureReason | None = None) -> Verdict | None:
    """The verdict on a finished job's curve; None when it has no points, or failed for another reason."""
    if failure is FailureReason.diverged or _has_non_finite_loss(curve):
        return _diverged(spec, curve)
    if not curve.get("train_loss") or failure is not None:
        return None
    return _Judge(spec, curve).verdict()


def _has_non_finite_loss(curve: dict[str, list[float | None]]) -> bool:
    return None in curve.get("train_loss", []) or None in curve.get("val_loss", [])


def _diverged(spec: JobSpec, curve: dict[str, list[float | None]]) -> Verdict:
    rate = spec.learning_rate / 10
    sentence = (
        f"Diverged: the loss became infinite or not a number after {len(curve.get('epoch', []))} epochs, because the "
        f"updates were too large. Try a smaller learning_rate: {rate:.3g}."
    )
    slower = _with(spec, learning_rate=rate)
    return Verdict(kind=VerdictKind.diverged, sentence=sentence, gap=None, best_epoch=None, suggestion=slower)


@dataclass
class _Judge:
    spec: JobSpec
    curve: dict[str, list[float | None]]

    def __post_init__(self) -> None:
        self._train = _numbers(self.curve["train_loss"])
        self._monitored = _numbers(self.curve.get("val_loss", self.curve["train_loss"]))
        self._validated = "val_loss" in self.curve
        self._best = min(range(len(self._monitored)), key=self._monitored.__getitem__)
        self._epoch = int(self.curve["epoch"][self._best] or 0)
        self._baseline = _baseline(self.spec, self._train[0])

    def verdict(self) -> Verdict:
        if self._jumps_often():
            return self._unstable()
        if self._validated and (self._rises() or self._has_accuracy_gap()):
            return self._overfit()
        if self._fits_poorly():
            return self._underfit()
        return self._good()

    # --- what the curve shows ----------------------------------------------------------------------------------------

    def _jumps_often(self) -> bool:
        """Whether the training loss rises too far in too many epochs."""
        rises = [after - before > JUMP * self._baseline for before, after in pairwise(self._train)]
        return len(rises) >= 4 and sum(rises) >= JUMPS * len(rises)

    def _rises(self) -> bool:
        """Whether the validation loss ended well above its best, while the training loss fell on."""
        best, last = self._monitored[self._best], self._monitored[-1]
        rose = last - best > max(RISE_OF_BEST * best, RISE_OF_BASELINE * self._baseline)
        return rose and self._train[-1] <= self._train[self._best]

    def _has_accuracy_gap(self) -> bool:
        """Whether training accuracy is far above validation accuracy at the best epoch."""
        train, validation = self._accuracy("train"), self._accuracy("val")
        return train is not None and validation is not None and train - validation > ACCURACY_GAP

    def _fits_poorly(self) -> bool:
        """Whether the network does not fit even the training data."""
        accuracy = self._accuracy("train")
        if accuracy is not None:
            return accuracy < LEAST_ACCURACY
        return self._train[self._best] > (1 - LEAST_EXPLAINED) * self._baseline

    def _still_falling(self) -> bool:
        """Whether the loss was still falling when training ended."""
        late = (
            self._monitored[-max(len(self._monitored) // 10, 1) - 1] if len(self._monitored) > 1 else self._monitored[0]
        )
        fallen = self._monitored[0] - self._monitored[-1]
        return fallen > 0 and late - self._monitored[-1] > STILL_FALLING * fallen

    def _accuracy(self, part: str) -> float | None:
        column = self.curve.get(f"{part}_accuracy")
        return None if column is None else column[self._best]

    # --- verdicts ----------------------------------------------------------------------------------------------------

    def _unstable(self) -> Verdict:
        rate = self.spec.learning_rate / 3
        return self._say(
            VerdictKind.unstable,
            "the training loss oscillates instead of falling, because the updates are too large. "
            f"Try a smaller learning_rate, {rate:.3g}, or a larger batch_size.",
            _with(self.spec, learning_rate=rate),
        )

    def _overfit(self) -> Verdict:
        best, last = self._monitored[self._best], self._monitored[-1]
        if self._rises():
            shown = (
                f"validation loss rose from {best:.3g} at epoch {self._epoch} to {last:.3g} at the end, while training "
                f"loss kept falling, to {self._train[-1]:.3g}"
            )
        else:
            train, validation = self._accuracy("train") or 0.0, self._accuracy("val") or 0.0
            shown = (
                f"at the best epoch, training accuracy is {_percent(train)} and validation accuracy only "
                f"{_percent(validation)}"
            )
        advice, suggestion = self._against_overfitting()
        return self._say(
            VerdictKind.overfit, f"{shown}: the network memorises the training data. Try {advice}.", suggestion
        )

    def _underfit(self) -> Verdict:
        accuracy = self._accuracy("train")
        if accuracy is not None:
            shown = f"training accuracy at the best epoch is {_percent(accuracy)}, below {100 * LEAST_ACCURACY:.0f} %"
        else:
            left = self._train[self._best] / self._baseline
            shown = f"training loss at the best epoch is still {_percent(left)} of an untrained network's"
        advice, suggestion = self._against_underfitting()
        return self._say(VerdictKind.underfit, f"{shown}. {advice}", suggestion)

    def _good(self) -> Verdict:
        accuracy = self._accuracy("val")
        if not self._validated:
            shown = "the network fits the training data; without validation rows, overfitting cannot be seen"
        elif accuracy is not None:
            shown = f"validation accuracy {_percent(accuracy)} at the best epoch, without overfitting"
        else:
            shown = f"validation loss {self._monitored[self._best]:.3g} at the best epoch, without overfitting"
        if self._still_falling():
            more = _with(self.spec, epochs=min(2 * self.spec.epochs, 1_000_000))
            return self._say(VerdictKind.good, f"{shown}. The loss was still falling: more epochs may help.", more)
        return self._say(VerdictKind.good, f"{shown}.", None)

    def _say(self, kind: VerdictKind, shown: str, suggestion: JobSpec | None) -> Verdict:
        gap = self._monitored[self._best] - self._train[self._best] if self._validated else None
        sentence = f"{kind.value.capitalize()}: {shown}"
        return Verdict(kind=kind, sentence=sentence, gap=gap, best_epoch=self._epoch, suggestion=suggestion)

    def _against_overfitting(self) -> tuple[str, JobSpec | None]:
        rates = self.spec.dropout if isinstance(self.spec.dropout, tuple) else (self.spec.dropout,)
        patience = {} if self.spec.patience else {"patience": 20}
        stops = "" if self.spec.patience else " and early stopping (patience 20)"
        if not isinstance(self.spec.architecture, Perceptron) and max(rates) < 0.5:
            return f"dropout 0.5{stops}, fewer neurons, or more data", _with(self.spec, dropout=0.5, **patience)
        decay = max(10 * self.spec.weight_decay, 1e-3)
        if decay <= 10.0:
            more = _with(self.spec, weight_decay=decay, **patience)
            return f"weight_decay {decay:.3g}{stops}, fewer neurons, or more data", more
        return "fewer neurons, or more data", None

    def _against_underfitting(self) -> tuple[str, JobSpec | None]:
        spec = self.spec
        names = spec.activation if isinstance(spec.activation, tuple) else (spec.activation,)
        architecture = spec.architecture
        if isinstance(architecture, Perceptron):
            wider: Any = {"type": "mlp", "hidden": [32], "bias": architecture.bias}
            return "A single layer is a linear model. Try a hidden layer: mlp, hidden [32].", _with(
                spec, architecture=wider, initial_weights="kaiming_uniform", initial_biases=None
            )
        if set(names) == {Activation.identity}:
            return (
                "With identity activations the network is a linear model, however many layers it has. "
                "Try a non-linear activation: tanh."
            ), _with(spec, activation="tanh")
        if self._still_falling():
            epochs = min(3 * spec.epochs, 1_000_000)
            return f"The loss was still falling when training ended. Try more epochs: {epochs}.", _with(
                spec, epochs=epochs
            )
        wider = _wider(architecture)
        if wider is None:
            return "Try another architecture, other features or a larger learning_rate.", None
        return (
            "The network has too few neurons, or the features do not determine the target. Try four times the neurons.",
            _with(spec, architecture=wider, initial_weights="kaiming_uniform", initial_biases=None),
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _numbers(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _baseline(spec: JobSpec, first: float) -> float:
    """The loss of an untrained network: see the module."""
    info = spec.info
    if info is not None and info.targets is Targets.classes:
        known = spec.loss.baseline(info.classes or 2)
    else:
        known = spec.loss.baseline(None) if spec.standardizes_targets else None
    return max(first, 1e-12) if known is None else known


def _wider(architecture: Mlp | ResMlp | Cnn) -> dict[str, Any] | None:
    """The architecture with four times the neurons; None when a layer has 4,096 or more."""
    fields = architecture.model_dump(mode="json", exclude_unset=True) | {"type": architecture.type}
    match architecture:
        case ResMlp(width=width) if width < 4096:
            return fields | {"width": 4 * width}
        case Mlp(hidden=hidden) | Cnn(hidden=hidden) if hidden and max(hidden) < 4096:
            return fields | {"hidden": [4 * width for width in hidden]}
    return None


def _with(spec: JobSpec, **changes: Any) -> JobSpec | None:
    """The spec with other values; None when they are not valid together."""
    if {"architecture", "activation"} & changes.keys():  # another network cannot begin from that of another job
        changes["init_from"] = None
    body = spec.model_dump(mode="json", exclude_unset=True) | changes
    try:
        return JobSpec.model_validate(body)
    except ValueError:
        return None
