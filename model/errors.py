"""Errors in rows to predict."""

from collections.abc import Sequence

from spec.field_error import FieldError


class RowsError(Exception):
    """Rows do not fit the model; `errors` name each invalid row and column."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{errors[0].path} {errors[0].message}")
        self.errors = list(errors)
