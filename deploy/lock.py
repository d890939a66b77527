"""Writes requirements.lock and requirements-dev.lock: what pyproject.toml asks for, in the versions installed here.

`make lock` runs it after an upgrade in `.venv`. The first file is what a server needs, the second what tests add.
"""

import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
RUN, DEVELOP = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"


def main() -> int:
    """Write both files."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = build["project"]
    run = closure(project["dependencies"])
    develop = closure([*project["optional-dependencies"]["dev"], *build["build-system"]["requires"]])
    RUN.write_text(lines(run, "What Epochal runs with"))
    DEVELOP.write_text(lines(develop - run, "What its tests and checks need beside requirements.lock"))
    return 0


def closure(wanted: Iterable[str]) -> set[str]:
    """Every distribution that `wanted` leads to on this machine, as `name==version`."""
    todo = [Requirement(line) for line in wanted]
    seen: set[tuple[str, str]] = set()
    pinned: set[str] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        found = distribution(name)
        pinned.add(f"{name}=={found.version.partition('+')[0]}")  # the build (CPU, CUDA) is the machine's choice
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in found.requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    todo.append(needed)
    return pinned


def lines(pinned: set[str], title: str) -> str:
    """A lock file."""
    return "\n".join([f"# {title}. Written by `make lock`.", *sorted(pinned), ""])


if __name__ == "__main__":
    sys.exit(main())
