"""Reads an uploaded file: `python -m ingest FILE --out TABLE < ORDER`, whose order is `spec.reading.ReadingOrder`.

Writes the table, and prints what was found as `spec.profile.Reading`; or, with exit code 2, why the file is refused as
`spec.profile.Refusal`. With `--known PREPROCESSING` it reads the rows that a model is to predict instead, writes their
numbers, and prints `spec.known.KnownReading`. It is killed when it takes more processor time than a file of its size
needs.
"""

import argparse
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

from spec.known import PREDICTED_BYTES, KnownColumns, KnownReading
from spec.profile import Reading, Refusal
from spec.reading import ReadingOrder
from spec.schema import ColumnKind

from . import limits
from .conversion import Converted, converted
from .errors import RefusedError
from .kinds import kind_of
from .unpacking import is_of_images, unpacked, unpacked_bytes

REFUSED = 2


def read(made: Converted, out: Path) -> Reading:
    """Write the file's table to `out`, and say what is in it. Raises `RefusedError`."""
    file, order = made.file, made.order
    kind = kind_of(file, order.name)
    if kind == "npz":
        from . import npz

        return npz.read(file, order, out, form=made.form, notes=made.notes)
    from . import columnar

    if kind == "parquet":
        from .parquet import ParquetFile

        return columnar.read(ParquetFile(file), order, out)
    from .csv import CsvFile

    options = order.options
    roles = (options.weight, options.group, options.split, options.time)
    named = [*order.target, *options.columns, *options.types, *(name for name in roles if name is not None)]
    found = columnar.read(CsvFile(file, options, named, notes=made.notes, only_rows=made.only_rows), order, out)
    if made.form is None:
        return found
    its_own = {"format": made.form, "encoding": None, "delimiter": None}
    return found.model_copy(update={"profile": found.profile.model_copy(update=its_own)})


class WithoutPandas(MetaPathFinder):
    """Finds no pandas: pyarrow imports it where it is installed, to recognise its arrays, for a third of the time."""

    def find_spec(self, name: str, *_: object) -> None:
        """Raises `ModuleNotFoundError` for pandas, and leaves all else to others."""
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def main() -> int:
    """Read a file within limits; 0, or 2 when it is refused."""
    sys.meta_path.insert(0, WithoutPandas())
    parser = argparse.ArgumentParser(prog="python -m ingest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", required=True, type=Path, help="where the table goes")
    parser.add_argument("--known", type=Path, help="a model's preprocessing: read the rows that it is to predict")
    parser.add_argument("--cells", action="store_true", help="with --known: print the rows as text too")
    options = parser.parse_args()
    order = ReadingOrder.model_validate_json(sys.stdin.buffer.read())
    limits.apply_memory()
    try:
        print(_answer(options, order).model_dump_json())
    except RefusedError as error:
        print(Refusal(path=error.path, message=str(error), na_values=error.na_values).model_dump_json())
        return REFUSED
    except MemoryError:  # Arrow's own error is one too
        message = f"needs more than {limits.MEMORY / limits.GIB:g} GiB of memory to be read"
        print(Refusal(path="file", message=message).model_dump_json())
        return REFUSED
    return 0


def _answer(options: argparse.Namespace, order: ReadingOrder) -> Reading | KnownReading:
    most = limits.UNPACKED_BYTES if options.known is None else PREDICTED_BYTES
    known = None
    if options.known is not None:
        known = KnownColumns.model_validate_json(options.known.read_bytes())
        order = _as_known(order, known)
    with unpacked(options.file, order.name, options.out.parent, most) as (plain, name):
        limits.apply_time(unpacked_bytes(plain, most))
        if known is not None and is_of_images(plain):
            from .known import read_known_images

            return read_known_images(plain, name, known, options.out, with_cells=options.cells)
        columns = () if known is None else tuple(one for one in known.columns if one.is_feature)
        with converted(plain, order.model_copy(update={"name": name}), options.out.parent, columns) as made:
            if known is None:
                return read(made, options.out)
            from .known import read_known

            return read_known(
                made.file,
                made.order,
                known,
                options.out,
                with_cells=options.cells,
                notes=made.notes,
                only_rows=made.only_rows,
            )


def _as_known(order: ReadingOrder, known: KnownColumns) -> ReadingOrder:
    """The order, with what a model's columns say: they tell the sheet, or the array, as the target does.

    Words of a sheet and of JSON that are numbers are written with the decimal mark of its numbers.
    """
    used = [one for one in known.columns if one.is_feature]
    numbers = [one.format for one in used if one.type is ColumnKind.number]
    marks = {form.decimal for form in numbers if not form.is_clock}
    said = {"decimal": marks.pop()} if len(marks) == 1 else {}
    options = order.options.model_copy(update=said)
    return order.model_copy(update={"target": tuple(one.name for one in used), "options": options})


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Not by `sys.exit`: threads of Arrow that still run when the interpreter ends may abort it (apache/arrow#34314).
    os._exit(status)
