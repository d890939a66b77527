"""What is wrong with one field."""

from typing import Self

from .base import Frozen


class FieldError(Frozen):
    """An invalid field and the rule that it breaks."""

    path: str
    message: str

    def below(self, prefix: str) -> Self:
        """The same error in a larger body, in which the field stands below `prefix`, such as `jobs.3.` or `base.`."""
        return self.model_copy(update={"path": (prefix + self.path).rstrip(".")})
