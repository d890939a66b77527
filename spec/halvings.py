"""The halvings of a sweep: how weak configurations are stopped early. What they decide is in `spec.halving`."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .base import Count, Named, Real, one_of

Factor = Annotated[Count, Field(ge=2, le=10, description="One configuration in so many goes on at each rung.")]
LeastEpochs = Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs before the first rung.")]


class Halving(Named):
    """A rule that stops weak configurations early.

    At *rungs*, epochs of a bracket, the best configurations go on and the rest are pruned: see `spec.halving`.
    """


class NoHalving(Halving):
    """Every configuration is trained to its end."""

    type: Literal["none"] = "none"


class Successive(Halving):
    """Successive halving (Jamieson and Talwalkar 2016): at each rung the best 1 / `factor` go on."""

    type: Literal["successive"] = "successive"
    factor: Factor = 3
    min_epochs: LeastEpochs = 1


class Hyperband(Halving):
    """Hyperband (Li et al. 2018): brackets of successive halving that begin with many and few epochs, in turn."""

    type: Literal["hyperband"] = "hyperband"
    factor: Factor = 3
    min_epochs: LeastEpochs = 1


class FirstEpoch(Halving):
    """After one epoch the best `keep` of a generation go on to the end (arXiv 2307.15422)."""

    type: Literal["first_epoch"] = "first_epoch"
    keep: Annotated[Count, Field(ge=1, le=10_000, description="Configurations of a generation that go on.")] = 3


class Population(Halving):
    """Population based training (Jaderberg et al. 2017): nothing is stopped; the worst go on from copies of the best.

    Every `interval` epochs each configuration of the worst quantile takes over weights and optimizer of one that is
    drawn from the best quantile, and its values with changes: see `spec.population`.
    """

    type: Literal["population"] = "population"
    interval: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs between two rungs.")] = 5
    quantile: Annotated[
        Real, Field(gt=0.0, le=0.5, description="Share of the population that copies, and that is copied.")
    ] = 0.2
    factors: Annotated[
        tuple[Annotated[Real, Field(gt=0.0, le=100.0)], ...],
        Field(
            min_length=1,
            max_length=20,
            description="One of these multiplies a copied value. Of a list or steps, the next value is taken instead: "
            "the larger one for a factor above 1.",
        ),
    ] = (0.8, 1.2)
    resample: Annotated[
        Real, Field(ge=0.0, le=1.0, description="Probability that a copied value is drawn anew from its space.")
    ] = 0.25


HALVINGS = (NoHalving, Successive, Hyperband, FirstEpoch, Population)

if TYPE_CHECKING:
    AnyHalving = Halving
else:
    AnyHalving = one_of(HALVINGS)
