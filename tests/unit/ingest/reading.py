"""Files of a test, read as the child process reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ingest.__main__ import read
from ingest.conversion import converted
from ingest.errors import RefusedError
from ingest.unpacking import unpacked
from spec.dataset import Targets
from spec.profile import Reading
from spec.reading import ReadingOptions, ReadingOrder
from spec.schema import Schema


def reading(
    content: bytes | str,
    folder: Path,
    *,
    name: str = "f.csv",
    target: str | tuple[str, ...] | None = "y",
    task: Targets | None = None,
    **options: Any,
) -> Reading:
    """What the reading of a file of this content gives; its table is `table.npz` in the folder."""
    file = folder / "upload"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    targets = () if target is None else (target,) if isinstance(target, str) else target
    order = ReadingOrder(name=name, target=targets, task=task, options=ReadingOptions(**options))
    with (
        unpacked(file, name, folder) as (plain, order_name),
        converted(plain, order.model_copy(update={"name": order_name}), folder) as made,
    ):
        return read(made, folder / "table.npz")


def refusal(content: bytes | str, folder: Path, **how: Any) -> str:
    """Why a file of this content is refused: the field, and the sentence."""
    with pytest.raises(RefusedError) as refused:
        reading(content, folder, **how)
    return f"{refused.value.path} {refused.value}"


def table(folder: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Schema]:
    """The table that the last reading wrote."""
    with np.load(folder / "table.npz", allow_pickle=False) as arrays:
        return arrays["X"], arrays["y"], Schema.model_validate_json(arrays["schema"].tobytes())
