"""Writes trainer/shipped/: the data sets that ship with scikit-learn, as the tables that uploads become.

`python -m deploy.shipped` runs it after scikit-learn has changed one, which `tests/unit/trainer/test_data.py` notices.
"""

import sys

import numpy as np
from sklearn import datasets

from ingest import table
from spec.classes import class_labels
from spec.dataset import REAL, SHIPPED, Shipped, Targets
from spec.schema import Column, ColumnKind, Schema, Target


def main() -> int:
    """Write a table for each."""
    for name in REAL:
        made = Shipped(name=name)
        options = {"scaled": False} if name == "diabetes" else {}
        data = getattr(datasets, f"load_{name}")(**options)
        columns = tuple(Column(name=str(one), type=ColumnKind.number) for one in data.feature_names)
        labels = class_labels(made)
        targets = Targets.classes if labels else Targets.numbers
        image = (1, *data.images.shape[1:]) if "images" in data else None
        schema = Schema(columns=columns, target=Target(name="y", type=targets, labels=labels), image=image)
        kind = np.float64 if image is None else np.uint8
        rows = data.data, data.target, dict[str, table.Block]()
        table.write(SHIPPED / f"{name}.npz", [rows], shape=data.data.shape, dtype=kind, schema=schema)
    return 0


if __name__ == "__main__":
    sys.exit(main())
