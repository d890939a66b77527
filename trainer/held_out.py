"""The rows that a job does not train on, as its data set has them: `python -m trainer.held_out`.

It reads `{"spec": ..., "table": path or null}` as JSON from standard input, and writes an NPZ to standard output, for a
process without PyTorch: `validation_x`, `validation_y`, `test_x`, `test_y`.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.job import JobSpec

from .errors import BadDataError
from .rows import divided


def held_out(spec: JobSpec, table: Path | None = None) -> dict[str, npt.NDArray[Any]]:
    """Numbers [rows, numbers] and targets: class numbers [rows], or numbers in their own units [rows, outputs].

    Raises `BadDataError`.
    """
    info = spec.info
    if info is None:
        raise BadDataError("The data set is not known.")
    rows, y, (_, validation, test) = divided(spec, info, table)
    x = rows.x.reshape(len(rows.x), -1)
    parts = {"validation": validation, "test": test}
    found = {f"{name}_x": x[numbers] for name, numbers in parts.items()}
    found |= {f"{name}_y": y[numbers] for name, numbers in parts.items()}
    return found


def main() -> None:
    """Answer standard input on standard output. Exits with a sentence if the data cannot be used."""
    asked = json.load(sys.stdin)
    spec = JobSpec.model_validate(asked["spec"])
    try:
        found = held_out(spec, None if asked["table"] is None else Path(asked["table"]))
    except BadDataError as error:
        sys.exit(str(error))
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **found)
    sys.stdout.buffer.write(content.getvalue())


if __name__ == "__main__":
    main()
