"""The history of a sweep, from which configurations are proposed."""

from dataclasses import dataclass

from spec.configuration import Configuration


@dataclass(frozen=True)
class Trial:
    """A configuration that was proposed, and how it did."""

    number: int
    generation: int
    configuration: Configuration
    digest: str
    """`spec.configuration.digest_of` its job: no two trials share it."""
    score: float | None = None
    """The mean over seeds or folds of the best epoch; less is better. Infinite if a job failed.

    None while it trains, and for a generation that may not know of it.
    """
    epochs: int = 0
    """The epochs that its jobs were trained."""
    pruned: bool = False
    """Whether it was stopped at a rung."""
