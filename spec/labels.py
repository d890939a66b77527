"""Names, projects and tags: labels for people, without what breaks logs, pages or databases."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from .base import Count

# No control characters and no direction overrides: they break logs, pages or databases.
CLEAN = r"^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC): macOS writes the other one, which no search would find."""
    return unicodedata.normalize("NFC", text)


def _composed(value: Any) -> Any:
    """A text is composed before its length is checked: a few letters become two, so that it grows."""
    return composed(value) if isinstance(value, str) else value


Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=CLEAN), BeforeValidator(_composed)]
PROJECT = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$"
Project = Annotated[str, StringConstraints(pattern=PROJECT)]
SHARED_BY = r"^(user|project|tag:[A-Za-z0-9][A-Za-z0-9._/-]{0,99})$"
"""By what device time is summed up."""
TAG_KEY = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$"
TagKey = Annotated[str, StringConstraints(pattern=TAG_KEY)]
TagValue = Annotated[str, StringConstraints(max_length=500, pattern=CLEAN), BeforeValidator(_composed)]
Name = Annotated[Label | None, Field(description="Name for people; it need not be unique.")]


def _in_order(tags: Mapping[str, str]) -> dict[str, str]:
    """Sorted by key: JSON objects with the same members are the same, so a request repeated with them is too."""
    return dict(sorted(tags.items()))


Tags = Annotated[
    dict[TagKey, TagValue],
    Field(max_length=50, description="Tags: your own labels, key: value."),
    AfterValidator(_in_order),
]
Priority = Annotated[Count, Field(ge=-100, le=100, description="Priority: jobs with a higher one start first.")]
