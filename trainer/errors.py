"""What can keep a job from being trained."""


class TrainerError(Exception):
    """The trainer cannot do what the spec asks."""


class BadDataError(TrainerError):
    """The data set cannot be used for this job."""
