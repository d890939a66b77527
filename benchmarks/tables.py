"""Markdown tables, and the section of a page that holds one."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path("docs/benchmarks.md")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; all columns but the first are right-aligned."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def replace_section(page: Path, name: str, text: str) -> None:
    """Put `text` between the markers of section `name`. Raises `NoSectionError` if the page has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before = page.read_text()
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(before):
        raise NoSectionError(f"{page} has no section {name}: add the lines {begin} and {end} where it belongs")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", before, count=1))


def times(ratio: float) -> str:
    """A ratio, with as many digits as the measurement justifies."""
    if math.isnan(ratio):
        return "-"
    return f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 3 else f"{ratio:.2f}x"


class NoSectionError(Exception):
    """The page has no markers for the section."""
