"""Writes diabetes.csv and new-patients.csv from the data that ship with scikit-learn: `python examples/diabetes.py`.

A real table has words and gaps, so age becomes a group, and some measurements are left out.
"""

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

NAMES = ("age_group", "sex", "bmi", "blood_pressure", "s1", "s2", "s3", "s4", "s5", "s6", "progression")
NEW = 6
"""The last rows are new patients, of whom nobody knows how they will be."""


def main() -> None:
    """Write both files beside this one."""
    data = load_diabetes(scaled=False)
    random = np.random.default_rng(0)
    rows = [_row(values, target, random) for values, target in zip(data.data, data.target, strict=True)]
    here = Path(__file__).parent
    for name, columns, part in (
        ("diabetes.csv", NAMES, rows[:-NEW]),
        ("new-patients.csv", NAMES[:-1], [row[:-1] for row in rows[-NEW:]]),
    ):
        with (here / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *part])


def _row(values: np.ndarray, target: float, random: np.random.Generator) -> list[str]:
    age, sex, *measured = values.tolist()
    group = "under 40" if age < 40 else "40 to 59" if age < 60 else "60 and over"
    cells = [f"{value:g}" for value in measured]
    for place in (1, 6):  # blood pressure and s5 are not always measured
        if random.random() < 0.1:
            cells[place] = ""
    return [group, {1.0: "a", 2.0: "b"}[sex], *cells, f"{target:g}"]


if __name__ == "__main__":
    main()
