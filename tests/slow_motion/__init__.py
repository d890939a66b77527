"""Slow motion: a job that a test strikes trains slowly until the test lets it go on, however fast trainers are."""

from collections.abc import Mapping
from pathlib import Path


class SlowMotion:
    """A switch for the processes that are started with its environment."""

    def __init__(self, folder: Path) -> None:
        self._switch = folder / "slow-motion"
        self.environ: Mapping[str, str] = {
            "PYTHONPATH": str(Path(__file__).parent),  # where sitecustomize.py is, which Python imports when it starts
            "SLOW_MOTION": str(self._switch),
        }

    def begin(self) -> None:
        """From now on every epoch takes a fifth of a second."""
        self._switch.touch()

    def end(self) -> None:
        """Let trainers go on at full speed."""
        self._switch.unlink(missing_ok=True)
