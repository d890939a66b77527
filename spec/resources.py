"""What a job computes on, and in which numbers."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .base import Count, Frozen

DETERMINISTIC_MEMBERS = 8
"""Members of a deterministic pack on a GPU: always the same number, because libraries choose kernels by it."""


class Precision(StrEnum):
    """The number format that training computes in."""

    float32 = "float32"
    float64 = "float64"
    tfloat32 = "tfloat32"
    bfloat16 = "bfloat16"


class Resources(Frozen):
    """The devices that a job needs."""

    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto: a GPU if there is one.")] = "auto"
    gpus: Annotated[Count, Field(ge=1, le=64, description="GPUs that train the job together.")] = 1
