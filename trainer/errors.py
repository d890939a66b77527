"""What can keep a job from being trained.

TrainerError
├── BadDataError
└── BadCheckpointError
"""


class TrainerError(Exception):
    """The trainer cannot do what the spec asks."""


class BadDataError(TrainerError):
    """The data set cannot be used for this job."""


class BadCheckpointError(TrainerError):
    """A checkpoint cannot be gone on from."""
