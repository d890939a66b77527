"""The one form that every upload takes: an NPZ of numbers with the schema that says what they are.

`X` holds the columns that are used, side by side: numbers, days, 0 or 1, or the place of a category, which is the
number of its categories for any other; NaN where a value is missing. `y` holds class numbers [rows], or numbers
[rows, outputs]. `weight` [rows], `group` [rows], `split` [rows] (0 training, 1 validation, 2 test) and `time` [rows]
are there when columns have these roles. `schema` is `spec.schema.Schema` as JSON, in bytes.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.schema import Schema

Block = npt.NDArray[Any]


def write(
    path: Path,
    blocks: Iterable[tuple[Block, Block, Mapping[str, Block]]],
    *,
    shape: tuple[int, int],
    dtype: Any,
    schema: Schema,
) -> tuple[Schema, str]:
    """Write a table block by block, (X, y, roles) each; its schema with what was counted, and its digest.

    The same numbers give the same bytes.
    """
    targets: list[Block] = []
    roles: dict[str, list[Block]] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(zipfile.ZipInfo("X.npy"), "w", force_zip64=True) as stream:
            head = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, head)
            for x, y, more in blocks:
                stream.write(np.ascontiguousarray(x, dtype=dtype).data)
                targets.append(y)
                for role, values in more.items():
                    roles.setdefault(role, []).append(values)
        archive.writestr(zipfile.ZipInfo("y.npy"), npy(np.concatenate(targets)))
        whole = {role: np.concatenate(parts) for role, parts in sorted(roles.items())}
        for role, values in whole.items():
            archive.writestr(zipfile.ZipInfo(f"{role}.npy"), npy(values))
        schema = schema.model_copy(update=_counted(whole))
        text = np.frombuffer(schema.model_dump_json(exclude_defaults=True).encode(), dtype=np.uint8)
        archive.writestr(zipfile.ZipInfo("schema.npy"), npy(text))
    with path.open("rb") as file:
        return schema, hashlib.file_digest(file, "sha256").hexdigest()


def _counted(roles: Mapping[str, Block]) -> dict[str, Any]:
    """What a schema says of columns with a role after all rows are read."""
    counted: dict[str, Any] = {}
    if "split" in roles:
        counted["split_rows"] = tuple(np.bincount(roles["split"], minlength=3).tolist())
    if "group" in roles:
        counted["groups"] = int(roles["group"].max()) + 1
    return counted


def npy(array: Block) -> bytes:
    """An array as the bytes of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
