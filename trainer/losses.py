"""The losses and what their outputs predict: per member and row, on stacked outputs.

Outputs are feature-major, [members, outputs, batch]. A loss answers [members, batch]; its mean over the batch is
PyTorch's loss with reduction="mean". What else is known of a loss stands in `spec/losses.py`.

A new loss is one class there and one function here, which `@criterion.register` finds by that class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, singledispatch

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from spec.activations import Activation
from spec.dataset import DatasetInfo, Targets
from spec.job import JobSpec
from spec.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    Link,
    LossSpec,
    Mae,
    Mse,
    PoissonNll,
    output_units,
)

from .gradients import gradients
from .layers import ACTIVATIONS, by_vectors

_exp = by_vectors(torch.exp)
_log_sigmoid = by_vectors(F.logsigmoid)


@singledispatch
def criterion(loss: LossSpec, z: Tensor, y: Tensor, smoothing: Tensor | None) -> Tensor:
    """The loss of each row, [members, batch], of outputs z [members, outputs, batch] and targets y.

    `smoothing` is label smoothing [members, 1], if any member has some.
    """
    raise NotImplementedError(f"trainer/losses.py has no function for {type(loss).__name__}.")


@criterion.register
def _mse(loss: Mse, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Mean of (z - y)^2 over the outputs."""
    return (z - y).square().mean(dim=1)


@criterion.register
def _mae(loss: Mae, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Mean of |z - y| over the outputs."""
    return (z - y).abs().mean(dim=1)


@criterion.register
def _huber(loss: Huber, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """With e = |z - y|: e^2 / 2 where e < delta, else delta (e - delta / 2); mean over the outputs."""
    return F.huber_loss(z, y, reduction="none", delta=loss.delta).mean(dim=1)


@criterion.register
def _binary_cross_entropy(loss: BinaryCrossEntropy, z: Tensor, y: Tensor, smoothing: Tensor | None) -> Tensor:
    """-y log p - (1 - y) log(1 - p) with p = sigmoid(z), from logits; smoothing moves targets towards 1/2."""
    if smoothing is not None:
        y = y * (1.0 - smoothing.unsqueeze(2)) + 0.5 * smoothing.unsqueeze(2)
    return ((1.0 - y) * z - _log_sigmoid(z)).mean(dim=1)


@criterion.register
def _cross_entropy(loss: CrossEntropy, z: Tensor, y: Tensor, smoothing: Tensor | None) -> Tensor:
    """-log p of the right class, p = softmax(z); smoothing spreads its share of the target over all classes."""
    if smoothing is None:
        return F.cross_entropy(z, y, reduction="none")
    log_p = F.log_softmax(z, dim=1)
    right = -log_p.gather(1, y.unsqueeze(1)).squeeze(1)
    return (1.0 - smoothing) * right - smoothing * log_p.mean(dim=1)


@criterion.register
def _focal(loss: Focal, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """-(1 - p)^gamma log p of the right class, p = softmax(z)."""
    log_p = -F.cross_entropy(z, y, reduction="none")
    # 1 - p from log p loses no digits; a floor keeps the derivative of its power finite where p is 1.
    wrong = by_vectors(torch.expm1)(log_p).neg().clamp_min(torch.finfo(z.dtype).tiny)
    return -by_vectors(partial(torch.pow, exponent=loss.gamma))(wrong) * log_p


@criterion.register
def _hinge(loss: Hinge, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """Sum over the wrong classes of max(0, 1 - z_right + z_wrong), divided by the number of classes."""
    right = z.gather(1, y.unsqueeze(1))
    margins = (1.0 - right + z).clamp_min(0.0)
    return (margins.sum(dim=1) - 1.0) / z.shape[1]  # the right class itself adds a margin of exactly 1


@criterion.register
def _poisson_nll(loss: PoissonNll, z: Tensor, y: Tensor, _: Tensor | None) -> Tensor:
    """exp(z) - y z, z being the logarithm of the rate; mean over the outputs."""
    return (_exp(z) - y * z).mean(dim=1)


def smoothed_by_class(z: Tensor, y: Tensor, smoothing: Tensor, by_class: Tensor) -> Tensor:
    """`cross_entropy` with smoothing, where classes have weights [members, classes].

    torch.nn.CrossEntropyLoss(weight=..., label_smoothing=...), whose smoothing weighs each class's -log p by the weight
    of that class; here divided by the weight of the row's own class, by which the mean multiplies it.
    """
    log_p = F.log_softmax(z, dim=1)
    right = -log_p.gather(1, y.unsqueeze(1)).squeeze(1)
    spread = (by_class.unsqueeze(2) * log_p).mean(dim=1) / by_class.gather(1, y)
    return (1.0 - smoothing) * right - smoothing * spread


def cross_entropy_back(z: Tensor, y: Tensor, share: float | Tensor) -> tuple[Tensor, Tensor]:
    """`cross_entropy` without smoothing, and the gradient of its mean by the logits, as autograd has it.

    `share` is that of each row in the mean: one number, or [members, batch].
    """
    right, log_p = y.unsqueeze(1), F.log_softmax(z, dim=1)
    by_right = -share.unsqueeze(1) if isinstance(share, Tensor) else -share
    by_log_p = torch.zeros_like(log_p).scatter_(1, right, by_right)
    by_z: Tensor = torch._log_softmax_backward_data(by_log_p, log_p, 1, z.dtype)
    return -log_p.gather(1, right).squeeze(1), by_z


LINKS: Mapping[Link, Callable[[Tensor], Tensor]] = {
    Link.identity: ACTIVATIONS[Activation.identity],
    Link.sigmoid: ACTIVATIONS[Activation.sigmoid],
    Link.exp: _exp,
}
"""From outputs to predicted numbers; softmax is of classes only."""


@dataclass(frozen=True)
class Objective:
    """A loss on one kind of target: how it takes targets, and what outputs predict."""

    loss_spec: LossSpec
    activation: Callable[[Tensor], Tensor] | None
    """The output activation, unless the loss applies it itself."""
    one_hot: int | None
    """Classes that targets are spread over, for losses on numbers."""
    is_single: bool
    """Whether one output predicts the second of two classes."""

    @classmethod
    def of(cls, spec: JobSpec, info: DatasetInfo) -> "Objective":
        """The objective of a spec on data like `info`."""
        outer, single = spec.computed_output_activation, output_units(spec.loss, info) == 1
        spread = info.targets is Targets.classes and not spec.loss.traits.takes_class_indices and not single
        return cls(
            loss_spec=spec.loss,
            activation=None if outer is None else ACTIVATIONS[outer],
            one_hot=info.classes if spread else None,
            is_single=single,
        )

    @property
    def takes_class_indices(self) -> bool:
        """Whether the loss takes the number of the class."""
        return self.loss_spec.traits.takes_class_indices

    def targets(self, y: Tensor, dtype: torch.dtype) -> Tensor:
        """Targets of rows [...] as the loss takes them: class indices [...], or numbers [..., outputs]."""
        if y.dtype != torch.int64 or self.takes_class_indices:
            return y
        if self.one_hot is not None:
            return F.one_hot(y, self.one_hot).to(dtype)
        return y.to(dtype).unsqueeze(-1)

    def outputs(self, z: Tensor) -> Tensor:
        """The network's outputs from its last layer's sums."""
        return z if self.activation is None else self.activation(z)

    def loss(self, z: Tensor, y: Tensor, smoothing: Tensor | None = None) -> Tensor:
        """The loss of each row: [members, batch]. `y` is [members, batch] or [members, batch, outputs]."""
        if not self.takes_class_indices:
            y = y.transpose(1, 2)
        return criterion(self.loss_spec, self.outputs(z), y, smoothing)

    def loss_and_gradient(
        self, z: Tensor, y: Tensor, smoothing: Tensor | None, share: float | Tensor, by_class: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of each row, and the gradient of its mean by the network's sums z.

        `share` is that of each row in the mean, one number or [members, batch]; `by_class` the weights of classes.
        """
        is_cross_entropy = isinstance(self.loss_spec, CrossEntropy)
        if is_cross_entropy and smoothing is None:
            return cross_entropy_back(z, y, share)
        z.requires_grad_()
        if is_cross_entropy and smoothing is not None and by_class is not None:
            losses = smoothed_by_class(z, y, smoothing, by_class)
        else:
            losses = self.loss(z, y, smoothing)
        by_loss = share if isinstance(share, Tensor) else torch.full_like(losses, share)
        (by_z,) = gradients(losses, [z], by_loss)
        return losses.detach(), by_z

    def predicted_class(self, z: Tensor) -> Tensor:
        """The index of the predicted class of each row: [members, batch]."""
        z = self.outputs(z)
        return (z[:, 0] > self.loss_spec.traits.threshold).long() if self.is_single else z.max(dim=1).indices

    def predicted_values(self, z: Tensor) -> Tensor:
        """The scaled targets that the network predicts: [members, outputs, batch]."""
        return LINKS[self.loss_spec.traits.link](self.outputs(z))
