"""What is minimised, and what the outputs tell: per member and row, on stacked outputs.

Outputs are feature-major, [members, outputs, batch]. A loss answers [members, batch]; its mean over the batch is
PyTorch's loss with reduction="mean".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from spec.activations import Activation
from spec.dataset import DatasetInfo, Targets
from spec.job import JobSpec
from spec.losses import Loss, output_units

from .layers import ACTIVATIONS, by_vectors

Criterion = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(outputs [members, outputs, batch], targets, label smoothing [members, 1] or None) -> [members, batch]."""

_exp = by_vectors(torch.exp)
_log_sigmoid = by_vectors(F.logsigmoid)


def mse(z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Mean squared error (torch.nn.MSELoss)."""
    return (z - y).square().mean(dim=1)


def mae(z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Mean absolute error (torch.nn.L1Loss)."""
    return (z - y).abs().mean(dim=1)


def huber(z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Squared near zero, absolute beyond 1 (torch.nn.HuberLoss, delta 1)."""
    return F.huber_loss(z, y, reduction="none").mean(dim=1)


def binary_cross_entropy(z: Tensor, y: Tensor, smoothing: Tensor | None) -> Tensor:
    """Of probabilities made from logits, stably (torch.nn.BCEWithLogitsLoss); smoothing moves targets towards 1/2."""
    if smoothing is not None:
        y = y * (1.0 - smoothing.unsqueeze(2)) + 0.5 * smoothing.unsqueeze(2)
    return ((1.0 - y) * z - _log_sigmoid(z)).mean(dim=1)


def cross_entropy(z: Tensor, y: Tensor, smoothing: Tensor | None) -> Tensor:
    """Of the softmax of logits, against class numbers (torch.nn.CrossEntropyLoss)."""
    if smoothing is None:
        return F.cross_entropy(z, y, reduction="none")
    log_p = F.log_softmax(z, dim=1)
    right = -log_p.gather(1, y.unsqueeze(1)).squeeze(1)
    return (1.0 - smoothing) * right - smoothing * log_p.mean(dim=1)


def hinge(z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Every wrong class should stay a margin of 1 below the right one (torch.nn.MultiMarginLoss)."""
    right = z.gather(1, y.unsqueeze(1))
    margins = (1.0 - right + z).clamp_min(0.0)
    return (margins.sum(dim=1) - 1.0) / z.shape[1]  # the right class itself adds a margin of exactly 1


def poisson_nll(z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Negative log likelihood of counts, the output being the log of the rate (torch.nn.PoissonNLLLoss)."""
    return (_exp(z) - y * z).mean(dim=1)


def cross_entropy_back(z: Tensor, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """`cross_entropy` without smoothing, and the gradient of its mean over `rows` by the logits, as autograd has it."""
    right, log_p = y.unsqueeze(1), F.log_softmax(z, dim=1)
    by_log_p = torch.zeros_like(log_p).scatter_(1, right, -1.0 / rows)
    by_z: Tensor = torch._log_softmax_backward_data(by_log_p, log_p, 1, z.dtype)
    return -log_p.gather(1, right).squeeze(1), by_z


CRITERIA: Mapping[Loss, Criterion] = {
    Loss.mse: mse,
    Loss.mae: mae,
    Loss.huber: huber,
    Loss.binary_cross_entropy: binary_cross_entropy,
    Loss.cross_entropy: cross_entropy,
    Loss.hinge: hinge,
    Loss.poisson_nll: poisson_nll,
}


LINKS: Mapping[Loss, Callable[[Tensor], Tensor]] = {
    Loss.binary_cross_entropy: ACTIVATIONS[Activation.sigmoid],
    Loss.poisson_nll: _exp,
}


@dataclass(frozen=True)
class Objective:
    """A loss on one kind of target: how targets are given to it, and what outputs tell of a row."""

    criterion: Criterion
    activation: Callable[[Tensor], Tensor] | None
    """What the loss does not do itself of the output activation."""
    one_hot: int | None
    """Classes that targets are spread over, for losses on numbers."""
    by_number: bool
    """Whether the loss takes class numbers."""
    threshold: float | None
    """Above it a single output says class 1; None where the largest output wins."""
    link: Callable[[Tensor], Tensor]
    """From the network's answer to the target it stands for: of a logit the probability, of a logarithm the count."""

    @classmethod
    def of(cls, spec: JobSpec, info: DatasetInfo) -> "Objective":
        """The objective of a spec on data like `info`."""
        by_class = info.targets is Targets.classes
        takes_logits = spec.loss in (
            Loss.binary_cross_entropy,
            Loss.cross_entropy,
            Loss.hinge,
            Loss.poisson_nll,
        )
        outer = spec.output_activation
        by_number = spec.loss in (Loss.cross_entropy, Loss.hinge)
        single = output_units(spec.loss, info) == 1
        return cls(
            criterion=CRITERIA[spec.loss],
            activation=None if takes_logits or outer in (None, Activation.identity) else ACTIVATIONS[outer],
            one_hot=info.classes if by_class and not by_number and not single else None,
            by_number=by_number,
            threshold=(0.0 if spec.loss is Loss.binary_cross_entropy else 0.5) if single else None,
            link=LINKS.get(spec.loss, ACTIVATIONS[Activation.identity]),
        )

    def targets(self, y: Tensor, dtype: torch.dtype) -> Tensor:
        """Targets of rows [...] as the loss takes them: class numbers [...], or numbers [..., outputs]."""
        if y.dtype != torch.int64 or self.by_number:
            return y
        if self.one_hot is not None:
            return F.one_hot(y, self.one_hot).to(dtype)
        return y.to(dtype).unsqueeze(-1)

    def outputs(self, z: Tensor) -> Tensor:
        """The network's answer from its last layer's sums."""
        return z if self.activation is None else self.activation(z)

    def loss(self, z: Tensor, y: Tensor, smoothing: Tensor | None = None) -> Tensor:
        """The loss of each row: [members, batch]. `y` is [members, batch] or [members, batch, outputs]."""
        if not self.by_number:
            y = y.transpose(1, 2)
        return self.criterion(self.outputs(z), y, smoothing)

    def loss_and_gradient(self, z: Tensor, y: Tensor, smoothing: Tensor | None, rows: int) -> tuple[Tensor, Tensor]:
        """The loss of each row, and the gradient of its mean over `rows` by the network's sums z."""
        if self.criterion is cross_entropy and smoothing is None:
            return cross_entropy_back(z, y, rows)
        z.requires_grad_()
        losses = self.loss(z, y, smoothing)
        (by_z,) = torch.autograd.grad(losses, z, torch.full_like(losses, 1.0 / rows))
        return losses.detach(), by_z

    def told(self, z: Tensor) -> Tensor:
        """The class number that each row is told to be: [members, batch]."""
        z = self.outputs(z)
        return z.max(dim=1).indices if self.threshold is None else (z[:, 0] > self.threshold).long()

    def numbers(self, z: Tensor) -> Tensor:
        """The scaled targets that the network tells: [members, outputs, batch]."""
        return self.link(self.outputs(z))
