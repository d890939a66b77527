"""What is wrong with one field."""

from .base import Frozen


class FieldError(Frozen):
    """An invalid field and the rule that it breaks."""

    path: str
    message: str
