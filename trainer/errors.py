"""Errors: why a job cannot be trained.

TrainerError
├── BadDataError
└── BadCheckpointError
"""


class TrainerError(Exception):
    """The trainer cannot do what the spec asks."""


class BadDataError(TrainerError):
    """The data set cannot be used for this job."""


class BadCheckpointError(TrainerError):
    """A job cannot be resumed from this checkpoint."""
