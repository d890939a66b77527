"""What can be wrong with an uploaded file."""


class RefusedError(Exception):
    """The file cannot become a data set; `path` is the field of the upload whose change would mend it."""

    def __init__(self, message: str, *, path: str = "file") -> None:
        super().__init__(message)
        self.path = path


def shown(value: object) -> str:
    """A value as a sentence repeats it: short, and on one line."""
    text = repr(str(value))
    return text if len(text) <= 50 else f"{text[:46]}...'"
