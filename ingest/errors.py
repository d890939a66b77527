"""What can be wrong with an uploaded file."""

from collections.abc import Iterable, Sequence

from spec.reading import GapWords


class RefusedError(Exception):
    """The file cannot become a data set; `path` is the field of the upload whose change would mend it.

    `na_values` is that option where it would do so, too.
    """

    def __init__(self, message: str, *, path: str = "file", na_values: GapWords | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.na_values = na_values


class MistakesError(RefusedError):
    """A column of numbers has words that are none."""

    def __init__(self, message: str, column: str, words: Sequence[str]) -> None:
        super().__init__(message)
        self.column = column
        self.words = tuple(words)


def shown(value: object) -> str:
    """A value as a sentence repeats it: short, and on one line."""
    text = repr(str(value))
    return text if len(text) <= 50 else f"{text[:46]}...'"


def some(values: Iterable[object], most: int = 5) -> str:
    """The first few values as a sentence repeats them."""
    known = list(values)
    return ", ".join(shown(value) for value in known[:most]) + (" ..." if len(known) > most else "")


def listed(names: Sequence[str]) -> str:
    """The names of columns in a sentence."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")


def printable(text: str) -> str:
    """A parser's own words, without what they repeat of a broken file."""
    return "".join(char if char.isprintable() else "?" for char in text)


def first_words(error: BaseException) -> str:
    """What a library says of a broken file, in one line."""
    return printable(str(error).splitlines()[0][:200] if str(error) else type(error).__name__)
