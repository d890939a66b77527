"""The losses. A loss is one class here and one function in `trainer/losses.py`.

Its traits say what it needs of targets and outputs; checks, trainer, finished models and verdicts read them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from .activations import Activation
from .base import Named, Real, one_by_name
from .dataset import DatasetInfo, Targets


class Link(StrEnum):
    """The link function, from the network's outputs to predictions."""

    identity = "identity"
    sigmoid = "sigmoid"
    """From a logit to the probability of the second of two classes, or to a number between 0 and 1."""
    softmax = "softmax"
    """From one logit per class to the probabilities of the classes."""
    exp = "exp"
    """From a logarithm to a count."""


@dataclass(frozen=True)
class LossTraits:
    """What a loss needs of targets and outputs."""

    targets: frozenset[Targets] = frozenset(Targets)
    """The kinds of target that the loss takes."""
    is_for_labels: bool = False
    """Whether integer targets of an inline data set are class labels."""
    takes_logits: bool = False
    """Whether the loss takes the output layer's sums and applies the output activation itself."""
    output_activation: Activation | None = None
    """The output activation that the loss applies itself; a spec may name it."""
    takes_class_indices: bool = False
    """Whether the loss takes class indices, with one output per class."""
    link: Link = Link.identity
    threshold: float = 0.5
    """A single output above the threshold predicts the second of two classes."""
    most_classes: int | None = None
    limits: tuple[float, float] | None = None
    """The least and the largest target that the loss takes; such targets are never standardised."""
    label_smoothing: bool = False
    ends_at_zero: bool = True
    """Whether the loss of a perfect network is 0."""


class LossSpec(Named):
    """A loss with its settings, averaged over the rows of a batch."""

    traits: ClassVar[LossTraits]

    def baseline(self, classes: int | None) -> float | None:
        """The loss of an untrained network; None if unknown.

        It predicts equal probabilities of `classes` classes, or 0 for standardised numbers (`classes` None).
        """
        return None if classes is None else self.of_shares([1.0 / classes] * classes)

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """The loss of a network that knows only the shares of the classes; None if unknown."""
        return None

    def of_normal(self, deviation: float) -> float | None:
        """The loss of the best constant, of normal targets with this standard deviation; None if unknown."""
        return None

    def of_numbers(self, numbers: Sequence[float]) -> float | None:
        """The loss of the best constant, of these targets; None if unknown."""
        return None

    def of_perfect(self, numbers: Sequence[float]) -> float:
        """The loss of a network that predicts each of these targets."""
        return 0.0

    def variance_left(self, loss: float, guess: float) -> float:
        """The variance of normal errors with this loss, as a share of that of a guess; of losses where it is unknown.

        That of `mae` grows with the square of the loss, that of `mse` with the loss itself.
        """
        if self.of_normal(1.0) is None or not 0.0 < loss < guess:
            return loss / guess
        return (self._deviation(loss) / self._deviation(guess)) ** 2

    def _deviation(self, loss: float) -> float:
        """The standard deviation of normal errors with this loss, found by bisection of its logarithm."""
        least, most = -30.0, 30.0
        for _ in range(60):
            middle = (least + most) / 2.0
            is_less = (self.of_normal(math.exp(middle)) or 0.0) < loss
            least, most = (middle, most) if is_less else (least, middle)
        return math.exp(least)


class Mse(LossSpec):
    """Mean squared error (torch.nn.MSELoss)."""

    type: Literal["mse"] = "mse"
    traits = LossTraits()

    def baseline(self, classes: int | None) -> float | None:
        """The variance of standardised numbers is 1."""
        return 1.0 if classes is None else super().baseline(classes)

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """Each output is the share of its class: the variance of 0 and 1."""
        return fmean(share * (1.0 - share) for share in shares)

    def of_normal(self, deviation: float) -> float | None:
        """The variance."""
        return deviation * deviation

    def of_numbers(self, numbers: Sequence[float]) -> float | None:
        """The variance."""
        return pstdev(numbers) ** 2


class Mae(LossSpec):
    """Mean absolute error (torch.nn.L1Loss)."""

    type: Literal["mae"] = "mae"
    traits = LossTraits()

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """Each output is 0 or 1, whichever is more frequent."""
        return fmean(min(share, 1.0 - share) for share in shares)

    def of_normal(self, deviation: float) -> float | None:
        """E|e| = sigma sqrt(2 / pi)."""
        return deviation * math.sqrt(2.0 / math.pi)

    def of_numbers(self, numbers: Sequence[float]) -> float | None:
        """The median's."""
        middle = median(numbers)
        return fmean(abs(number - middle) for number in numbers)


class Huber(LossSpec):
    """Squared error up to `delta`, absolute error beyond it (Huber 1964; torch.nn.HuberLoss)."""

    type: Literal["huber"] = "huber"
    delta: Annotated[
        Real,
        Field(gt=0.0, le=1e6, description="Error above which the loss is linear; of scaled targets in deviations."),
    ] = 1.0
    traits = LossTraits()

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """Each output is the constant that loses least: the share, or nearer to the more frequent of 0 and 1."""

        def loss(rarer: float) -> float:
            bound = min(self.delta, 1.0 - rarer)
            return rarer * bound * (1.0 - bound / (2.0 * (1.0 - rarer)))

        return fmean(loss(min(share, 1.0 - share)) for share in shares)

    def of_normal(self, deviation: float) -> float | None:
        """E[e^2 / 2; |e| < delta] + delta E[|e| - delta / 2; |e| > delta], moments of a truncated normal number."""
        if self.delta >= 40.0 * deviation:
            return deviation**2 / 2.0
        bound = max(self.delta / deviation, 1e-9)
        inside, outside = math.erf(bound / math.sqrt(2.0)), math.erfc(bound / math.sqrt(2.0))
        density = math.sqrt(2.0 / math.pi) * math.exp(-(bound**2) / 2.0)
        squared = (inside - bound * density) / (2.0 * bound)
        return self.delta * deviation * (squared + density - bound / 2.0 * outside)

    def of_numbers(self, numbers: Sequence[float]) -> float | None:
        """The median's, or the mean's if it is less; the best constant is between them."""

        def loss(constant: float) -> float:
            errors = [abs(number - constant) for number in numbers]
            return fmean(e * e / 2.0 if e < self.delta else self.delta * (e - self.delta / 2.0) for e in errors)

        return min(loss(median(numbers)), loss(fmean(numbers)))


class BinaryCrossEntropy(LossSpec):
    """Cross-entropy of two classes, or of numbers between 0 and 1 (torch.nn.BCEWithLogitsLoss)."""

    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    traits = LossTraits(
        is_for_labels=True,
        takes_logits=True,
        output_activation=Activation.sigmoid,
        link=Link.sigmoid,
        threshold=0.0,
        most_classes=2,
        limits=(0.0, 1.0),
        label_smoothing=True,
    )

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """The entropy."""
        return _entropy(shares)


class CrossEntropy(LossSpec):
    """Cross-entropy of the softmax of logits (torch.nn.CrossEntropyLoss)."""

    type: Literal["cross_entropy"] = "cross_entropy"
    traits = LossTraits(
        targets=frozenset({Targets.classes}),
        is_for_labels=True,
        takes_logits=True,
        takes_class_indices=True,
        link=Link.softmax,
        label_smoothing=True,
    )

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """The entropy."""
        return _entropy(shares)


class Focal(LossSpec):
    """Cross-entropy times (1 - p) ** gamma, where p is the probability of the true class (Lin et al. 2017, equation 4).

    Rows that the network already predicts well count less, so that rare classes count more. With gamma 0 it is
    cross-entropy.
    """

    type: Literal["focal"] = "focal"
    gamma: Annotated[
        Real,
        Field(ge=0.0, le=10.0, description="How much less well-predicted rows count."),
    ] = 2.0
    traits = LossTraits(
        targets=frozenset({Targets.classes}),
        is_for_labels=True,
        takes_logits=True,
        takes_class_indices=True,
        link=Link.softmax,
    )

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """The least of -sum s (1 - p)^gamma ln p; p ~ s^power is less sure than s (Charoenphakdee et al. 2021)."""

        def loss(power: float) -> float:
            whole = math.fsum(share**power for share in shares)
            p = [share**power / whole for share in shares]
            return -math.fsum(s * (1.0 - q) ** self.gamma * math.log(q) for s, q in zip(shares, p, strict=True))

        return min(loss(step / 50.0) for step in range(51))


class Hinge(LossSpec):
    """Multi-class hinge loss with a margin of 1 (torch.nn.MultiMarginLoss)."""

    type: Literal["hinge"] = "hinge"
    traits = LossTraits(
        targets=frozenset({Targets.classes}),
        is_for_labels=True,
        takes_logits=True,
        takes_class_indices=True,
    )

    def of_shares(self, shares: Sequence[float]) -> float | None:
        """The largest class in every row, by the margin: a row of another one loses (2 + classes - 2) / classes."""
        return 1.0 - max(shares)


class PoissonNll(LossSpec):
    """Negative log likelihood of counts; the output is the logarithm of the rate (torch.nn.PoissonNLLLoss)."""

    type: Literal["poisson_nll"] = "poisson_nll"
    traits = LossTraits(
        targets=frozenset({Targets.numbers}),
        takes_logits=True,
        link=Link.exp,
        limits=(0.0, math.inf),
        ends_at_zero=False,
    )

    def of_numbers(self, numbers: Sequence[float]) -> float | None:
        """The mean's."""
        return self.of_perfect([fmean(numbers)])

    def of_perfect(self, numbers: Sequence[float]) -> float:
        """The mean of y - y ln y."""
        return fmean(y - y * math.log(y) if y > 0.0 else 0.0 for y in numbers)


LOSSES: tuple[type[LossSpec], ...] = (
    *(Mse, Mae, Huber),
    *(BinaryCrossEntropy, CrossEntropy, Focal, Hinge),
    PoissonNll,
)
"""All losses."""

if TYPE_CHECKING:
    Loss = LossSpec
else:
    Loss = one_by_name(LOSSES)


def _entropy(shares: Sequence[float]) -> float:
    """-sum s ln s, in nats."""
    return -math.fsum(share * math.log(share) for share in shares)


def output_units(loss: LossSpec, info: DatasetInfo) -> int:
    """Neurons of the output layer: one per class, or one per target."""
    if info.targets is Targets.numbers:
        return info.outputs
    assert info.classes is not None
    if loss.traits.takes_class_indices:
        return info.classes
    return 1 if info.classes == 2 else info.classes
