"""What can be wrong with rows that are to be predicted."""

from collections.abc import Sequence

from spec.views import FieldError


class RowsError(Exception):
    """The rows are not what the model was trained on; `errors` name each row and column at fault."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{errors[0].path} {errors[0].message}")
        self.errors = list(errors)
