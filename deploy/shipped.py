"""Writes trainer/shipped/: the data sets that ship with scikit-learn, as the tables that uploads become.

`python -m deploy.shipped` runs it after scikit-learn has changed one, which `tests/unit/trainer/test_data.py` notices.
"""

import sys

import numpy as np
from sklearn import datasets

from spec.classes import class_labels
from spec.dataset import REAL, Shipped, Targets
from spec.schema import Column, ColumnKind, Schema, Target
from trainer.rows import SHIPPED


def main() -> int:
    """Write a table for each."""
    for name in REAL:
        made = Shipped(name=name)
        options = {"scaled": False} if name == "diabetes" else {}
        data = getattr(datasets, f"load_{name}")(**options)
        columns = tuple(Column(name=str(one), type=ColumnKind.number) for one in data.feature_names)
        labels = class_labels(made)
        targets = Targets.classes if labels else Targets.numbers
        schema = Schema(columns=columns, target=Target(name="y", type=targets, labels=labels))
        text = np.frombuffer(schema.model_dump_json(exclude_defaults=True).encode(), dtype=np.uint8)
        np.savez_compressed(SHIPPED / f"{name}.npz", X=data.data, y=data.target, schema=text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
