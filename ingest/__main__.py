"""Reads an uploaded file: `python -m ingest FILE --name NAME --out TABLE [--target COLUMN] [--task TASK]`.

Writes the table, and prints what was found as `spec.profile.Reading`; or, with exit code 2, why the file is refused as
`spec.profile.Refusal`. It is killed when it takes more processor time than a file of its size needs.
"""

import argparse
import sys
from pathlib import Path

from spec.dataset import Targets
from spec.profile import Reading, Refusal

from . import limits
from .errors import RefusedError
from .kinds import kind_of

REFUSED = 2


def read(file: Path, *, name: str, target: str | None, task: Targets | None, out: Path) -> Reading:
    """Write the file's table to `out`, and say what is in it. Raises `RefusedError`."""
    kind = kind_of(file, name)
    if kind == "npz":
        from . import npz

        return npz.read(file, target=target, task=task, out=out)
    from . import columnar

    if kind == "parquet":
        from .parquet import ParquetFile

        return columnar.read(ParquetFile(file), target=target, task=task, out=out)
    from .csv import CsvFile

    return columnar.read(CsvFile(file), target=target, task=task, out=out)


def main() -> int:
    """Read a file within limits; 0, or 2 when it is refused."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", required=True, help="what the file was called")
    parser.add_argument("--target", help="the column to be told from the others")
    parser.add_argument("--task", type=Targets, choices=list(Targets))
    parser.add_argument("--out", required=True, type=Path, help="where the table goes")
    options = parser.parse_args()
    limits.apply(options.file)
    try:
        answer = read(
            options.file, name=options.name, target=options.target, task=options.task, out=options.out
        ).model_dump_json()
    except RefusedError as error:
        print(Refusal(path=error.path, message=str(error)).model_dump_json())
        return REFUSED
    except MemoryError:  # Arrow's own error is one too
        message = f"needs more than {limits.MEMORY / limits.GIB:g} GiB of memory to be read"
        print(Refusal(path="file", message=message).model_dump_json())
        return REFUSED
    print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
