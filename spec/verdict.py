"""The verdict: what a finished curve says, in a word, a sentence and a spec to try next.

The rule looks at losses relative to the *baseline*, the loss of a network that has learnt nothing: ln(classes) for
cross-entropies, the variance of standardised targets, else the loss after the first epoch. docs/verdicts.md explains it
to people; the thresholds stand here.
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

ROSE = 0.2
"""Overfit: the validation loss ends so much above its best, as a share of its best ..."""
ROSE_OF_BASELINE = 0.1
"""... and of the baseline."""
ACCURACY_GAP = 0.15
"""Overfit, too: so much more of the training rows are told rightly than of the validation rows, at the best epoch."""
LEARNT = 0.85
"""Underfit: a smaller share of the training rows is told rightly ..."""
EXPLAINED = 0.4
"""... or, of numbers, a smaller share of the baseline has gone."""
JUMPED = 0.1
"""Unstable: the training loss rises by so much of the baseline from one epoch to the next ..."""
OFTEN = 0.15
"""... in so many of the epochs."""
STILL_FALLING = 0.05
"""Of what the loss fell in all, the share it fell in the last tenth of the epochs, when training ended too early."""


class VerdictKind(StrEnum):
    """What a curve says."""

    underfit = "underfit"
    good = "good"
    overfit = "overfit"
    diverged = "diverged"
    unstable = "unstable"


class Verdict(Frozen):
    """What a finished curve says."""

    kind: VerdictKind
    sentence: Annotated[str, Field(description="For people: what is seen, and what to try.")]
    gap: Annotated[float | None, Field(description="Validation loss minus training loss at the best epoch.")]
    best_epoch: Annotated[int | None, Field(description="The epoch of the least validation loss (or training loss).")]
    suggestion: Annotated[JobSpec | None, Field(description="A job to try next; POST /jobs takes it as it is.")]


def judge(spec: JobSpec, curve: dict[str, list[float | None]], failure: FailureReason | None = None) -> Verdict | None:
    """The verdict on a finished job's curve; None when it ended before there was anything to judge."""
    if failure is FailureReason.diverged or _broke(curve):
        return _diverged(spec, curve)
    if not curve.get("train_loss") or failure is not None:
        return None
    return _Judge(spec, curve).verdict()


def _broke(curve: dict[str, list[float | None]]) -> bool:
    return None in curve.get("train_loss", []) or None in curve.get("val_loss", [])


def _diverged(spec: JobSpec, curve: dict[str, list[float | None]]) -> Verdict:
    rate = spec.learning_rate / 10
    sentence = (
        f"Diverged: the loss grew beyond all numbers after {len(curve.get('epoch', []))} epochs, for each step went "
        f"further than the valley is wide. Try a smaller step: learning_rate {rate:.3g}."
    )
    slower = _with(spec, learning_rate=rate)
    return Verdict(kind=VerdictKind.diverged, sentence=sentence, gap=None, best_epoch=None, suggestion=slower)


@dataclass
class _Judge:
    spec: JobSpec
    curve: dict[str, list[float | None]]

    def __post_init__(self) -> None:
        self._train = _numbers(self.curve["train_loss"])
        self._watched = _numbers(self.curve.get("val_loss", self.curve["train_loss"]))
        self._validated = "val_loss" in self.curve
        self._best = min(range(len(self._watched)), key=self._watched.__getitem__)
        self._epoch = int(self.curve["epoch"][self._best] or 0)
        self._baseline = _baseline(self.spec, self._train[0])

    def verdict(self) -> Verdict:
        if self._jumps():
            return self._unstable()
        if self._validated and (self._rises() or self._knows_by_heart()):
            return self._overfit()
        if self._learnt_little():
            return self._underfit()
        return self._good()

    # --- what is seen ---------------------------------------------------------------------------------------------

    def _jumps(self) -> bool:
        """Whether the training loss goes up too often and too far for a descent."""
        rises = [after - before > JUMPED * self._baseline for before, after in pairwise(self._train)]
        return len(rises) >= 4 and sum(rises) >= OFTEN * len(rises)

    def _rises(self) -> bool:
        """Whether the validation loss ended well above its best, while the training loss fell on."""
        best, last = self._watched[self._best], self._watched[-1]
        rose = last - best > max(ROSE * best, ROSE_OF_BASELINE * self._baseline)
        return rose and self._train[-1] <= self._train[self._best]

    def _knows_by_heart(self) -> bool:
        """Whether far more of the training rows are told rightly than of the others."""
        train, validation = self._accuracy("train"), self._accuracy("val")
        return train is not None and validation is not None and train - validation > ACCURACY_GAP

    def _learnt_little(self) -> bool:
        accuracy = self._accuracy("train")
        if accuracy is not None:
            return accuracy < LEARNT
        return self._train[self._best] > (1 - EXPLAINED) * self._baseline

    def _still_falling(self) -> bool:
        """Whether it was ended while it still learnt."""
        late = self._watched[-max(len(self._watched) // 10, 1) - 1] if len(self._watched) > 1 else self._watched[0]
        fallen = self._watched[0] - self._watched[-1]
        return fallen > 0 and late - self._watched[-1] > STILL_FALLING * fallen

    def _accuracy(self, part: str) -> float | None:
        column = self.curve.get(f"{part}_accuracy")
        return None if column is None else column[self._best]

    # --- what is said ---------------------------------------------------------------------------------------------

    def _unstable(self) -> Verdict:
        rate = self.spec.learning_rate / 3
        return self._say(
            VerdictKind.unstable,
            "the training loss jumps up and down instead of falling: its steps leap over the valley. "
            f"Try smaller steps, learning_rate {rate:.3g}, or larger batches.",
            _with(self.spec, learning_rate=rate),
        )

    def _overfit(self) -> Verdict:
        best, last = self._watched[self._best], self._watched[-1]
        if self._rises():
            seen = (
                f"after epoch {self._epoch} the validation loss rose from {best:.3g} to {last:.3g} while the training "
                f"loss went on falling, to {self._train[-1]:.3g}"
            )
        else:
            seen = (
                f"at its best epoch it tells {self._accuracy('train'):.0%} of the training rows rightly and only "
                f"{self._accuracy('val'):.0%} of the validation rows"
            )
        advice, suggestion = self._against_overfitting()
        return self._say(VerdictKind.overfit, f"{seen}: it learns its rows by heart. Try {advice}.", suggestion)

    def _underfit(self) -> Verdict:
        accuracy = self._accuracy("train")
        if accuracy is not None:
            seen = f"even of the rows it was trained on it tells only {accuracy:.0%} rightly"
        else:
            left = self._train[self._best] / self._baseline
            seen = f"even on the rows it was trained on {left:.0%} of the loss of knowing nothing is left"
        advice, suggestion = self._against_underfitting()
        return self._say(VerdictKind.underfit, f"{seen}. {advice}", suggestion)

    def _good(self) -> Verdict:
        accuracy = self._accuracy("val")
        told = f", {accuracy:.1%} of them rightly" if accuracy is not None else ""
        seen = "it does as well as can be seen without validation rows"
        if self._validated:
            seen = f"it does nearly as well on rows it has not seen as on those it was trained on{told}"
        if self._still_falling():
            more = _with(self.spec, epochs=min(2 * self.spec.epochs, 1_000_000))
            return self._say(VerdictKind.good, f"{seen}, and was still learning: more epochs may help.", more)
        return self._say(VerdictKind.good, f"{seen}.", None)

    def _say(self, kind: VerdictKind, seen: str, suggestion: JobSpec | None) -> Verdict:
        gap = self._watched[self._best] - self._train[self._best] if self._validated else None
        sentence = f"{kind.value.capitalize()}: {seen}"
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
            return "One layer draws straight lines only. Try hidden neurons: mlp, hidden [32].", _with(
                spec, architecture=wider, initial_weights="kaiming_uniform", initial_biases=None
            )
        if set(names) == {Activation.identity}:
            return (
                "With identity activations its layers are together one straight line, however many there are. "
                "Try a bend: activation tanh."
            ), _with(spec, activation="tanh")
        if self._still_falling():
            epochs = min(3 * spec.epochs, 1_000_000)
            return f"It was still learning when its epochs ended. Try epochs {epochs}.", _with(spec, epochs=epochs)
        wider = _wider(architecture)
        if wider is None:
            return "Try another architecture, other features, or a larger learning_rate.", None
        return "It has too few neurons for this data, or the data hold no more. Try four times as many.", _with(
            spec, architecture=wider, initial_weights="kaiming_uniform", initial_biases=None
        )


def _numbers(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _baseline(spec: JobSpec, first: float) -> float:
    """The loss of a network that knows nothing."""
    info = spec.info
    if info is not None and info.targets is Targets.classes:
        known = spec.loss.baseline(info.classes or 2)
    else:
        known = spec.loss.baseline(None) if spec.standardizes else None
    return max(first, 1e-12) if known is None else known


def _wider(architecture: Mlp | ResMlp | Cnn) -> dict[str, Any] | None:
    """The architecture with four times the neurons, up to some thousands."""
    fields = architecture.model_dump(mode="json", exclude_unset=True) | {"type": architecture.type}
    match architecture:
        case ResMlp(width=width) if width < 4096:
            return fields | {"width": 4 * width}
        case Mlp(hidden=hidden) | Cnn(hidden=hidden) if hidden and max(hidden) < 4096:
            return fields | {"hidden": [4 * width for width in hidden]}
    return None


def _with(spec: JobSpec, **changes: Any) -> JobSpec | None:
    """The spec with other values, if they can be."""
    body = spec.model_dump(mode="json", exclude_unset=True) | changes
    try:
        return JobSpec.model_validate(body)
    except ValueError:
        return None
