"""The data of a job's pictures, for `trainer.plots` in this process or another."""

import io
import zipfile
from collections.abc import Mapping

from spec.base import Frozen
from spec.states import StopReason
from spec.views import Curve

from .report import Report

LENGTH_BYTES = 8
"""Of the length before each zip that `trainer.plots --many` writes, most significant byte first."""


class Drawing(Frozen):
    """The data of a finished job that its pictures show."""

    title: str
    curve: Curve
    best_epoch: int | None = None
    stop_reason: StopReason | None = None
    report: Report | None = None

    @property
    def early_stop_epoch(self) -> int | None:
        """The last epoch, if training stopped early."""
        epochs = self.curve.get("epoch")
        return int(epochs[-1] or 0) if epochs and self.stop_reason is StopReason.early_stopping else None


def zipped(pictures: Mapping[str, bytes]) -> bytes:
    """Pictures as one process sends them to another: a zip with a PNG of each name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, picture in pictures.items():
            archive.writestr(f"{name}.png", picture)
    return written.getvalue()


def unzipped(content: bytes) -> Mapping[str, bytes]:
    """The pictures of such a zip, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.removesuffix(".png"): archive.read(name) for name in archive.namelist()}
