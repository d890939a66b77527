"""What the text of a cell means: the same where a file is read and where rows are predicted."""

MISSING = frozenset({"", "NA", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none"})
"""Texts that say that there is no value."""

TRUE = frozenset({"true", "yes", "t", "y"})
FALSE = frozenset({"false", "no", "f", "n"})
"""In lower case."""

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
DATE = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?Z?)?$"
"""ISO 8601: 2026-11-25, 2026-11-25 08:30, 2026-11-25T08:30:00Z."""
