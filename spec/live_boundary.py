"""The decision boundary that a stream shows while a job trains."""

from typing import Annotated

from pydantic import Field

from .base import Count, Frozen


class LiveBoundary(Frozen):
    """Pictures of the decision boundary while a job of two inputs trains; they change nothing in the training."""

    every: Annotated[Count, Field(ge=1, le=10_000, description="Epochs from one picture to the next.")] = 1
    size: Annotated[Count, Field(ge=10, le=80, description="Points of the grid along each axis.")] = 40
