"""The repository's own text, as the tests of the repository read it."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text: str) -> list[Sequence[str]]:
    """The cells of every row of its tables, without the headings' rulers."""
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in cells] for cells in lines if set("".join(cells)) - set("-: ")]


def codes(cell: str) -> frozenset[str]:
    """What stands in backticks."""
    return frozenset(re.findall(r"`([^`]+)`", cell))


def files(*patterns: str) -> list[Path]:
    """The files of the repository: tracked ones, and new ones that are not ignored."""
    # CI may run as another user than the one who checked the repository out, which git would refuse.
    git = ["git", "-c", "safe.directory=*"]
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run([*git, *listing], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    return [path for name in sorted(set(found.split("\0")) - {""}) if (path := ROOT / name).is_file()]
