"""Rows are divided by chance, column, group and time as scikit-learn divides them."""

import warnings
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from spec.dataset import Inline
from spec.job import JobSpec
from spec.row_counts import counts_by_class
from tests.examples import examples
from trainer.__main__ import main
from trainer.errors import BadDataError
from trainer.rows import load
from trainer.splits import divide

from .recording import job, same, train

Numbers = npt.NDArray[np.int64]

ROWS = 120
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(ROWS, 3)).round(3)
CLASSES = RANDOM.choice(3, ROWS, p=[0.5, 0.3, 0.2])
VALUES = RANDOM.normal(size=ROWS).round(3)
FIRST_SEEN = RANDOM.choice(23, ROWS)
"""Groups as a file has them."""
GROUP = np.array([list(dict.fromkeys(FIRST_SEEN.tolist())).index(one) for one in FIRST_SEEN.tolist()])
"""The same, numbered in the order of their first rows."""
TIME = RANDOM.permutation(ROWS)
SPLIT = RANDOM.choice(["train", "validation", "test"], ROWS, p=[0.6, 0.2, 0.2])
COLUMNS = {"group": [f"g{one}" for one in FIRST_SEEN], "time": TIME.tolist(), "split": SPLIT.tolist()}
WITH_TEST = {"split": ["test" if one == "test" else "train" for one in SPLIT]}


def on(columns: dict[str, Any], *, numbers: bool = False, **fields: Any) -> JobSpec:
    data = {"x": X.tolist(), "y": (VALUES if numbers else CLASSES).tolist(), **columns}
    return job(dataset=data, loss="mse" if numbers else "cross_entropy", batch_size=8, **fields)


def parts(spec: JobSpec) -> tuple[list[int], list[int], list[int]]:
    rows = load(spec.dataset)
    classes = CLASSES if spec.loss.type == "cross_entropy" else None
    train, validation, test = divide(spec, len(rows.x), classes, rows.roles)
    return train.tolist(), validation.tolist(), test.tolist()


def by(column: str) -> dict[str, Any]:
    return {column: COLUMNS[column]}


@pytest.mark.parametrize("seed", range(60))
def test_rows_are_divided_as_they_are_counted_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(8, 30))
    y = rng.choice(3, rows, p=[0.7, 0.2, 0.1])
    y[:2] = 0, 1
    y = np.unique(y, return_inverse=True)[1]
    columns: dict[str, Any] = {}
    if seed % 3 == 1:
        columns = {"time": rng.integers(0, 12, rows).tolist()}
    if seed % 3 == 2:
        columns = {"split": rng.choice(["train", "validation"], rows, p=[0.7, 0.3]).tolist()}
    data = {"x": [[0.0]] * rows, "y": y.tolist(), **columns}
    fractions = {"validation_fraction": 0.25, "test_fraction": 0.25}
    spec = job(dataset=data, loss="cross_entropy", batch_size="full", split_seed=seed, **fractions)
    assert isinstance(spec.dataset, Inline)
    counted = counts_by_class(spec, spec.dataset)
    divided = divide(spec, rows, y, load(spec.dataset).roles)
    for part, numbers in zip(counted, divided, strict=True):
        assert {name: count for name, count in part.items() if count} == Counter(y[numbers].tolist())


def test_rows_go_where_the_column_says() -> None:
    wanted = tuple(np.flatnonzero(part == SPLIT).tolist() for part in ("train", "validation", "test"))
    assert parts(on(COLUMNS)) == wanted


def test_validation_rows_that_no_column_names_are_drawn_from_its_training_rows() -> None:
    spec = on(WITH_TEST)
    training, validation, test = parts(spec)
    assert test == np.flatnonzero(SPLIT == "test").tolist()
    assert sorted(training + validation) == np.flatnonzero(SPLIT != "test").tolist()
    assert spec.info is not None
    assert (len(training), len(validation), len(test)) == spec.split_rows(spec.info)
    shares = np.bincount(CLASSES[SPLIT != "test"]) * 0.2
    assert np.abs(np.bincount(CLASSES[validation]) - shares).max() < 1.0
    assert parts(on(WITH_TEST, split_seed=1))[1] != validation


@pytest.mark.parametrize("numbers", [True, False])
def test_groups_are_those_of_group_shuffle_split(numbers: bool) -> None:
    for seed in (0, 7, 2**32 + 7):
        training, validation, test = parts(on(by("group"), numbers=numbers, split_seed=seed))
        shuffle = GroupShuffleSplit(1, test_size=0.2, random_state=seed % 2**32)
        left, chosen = next(shuffle.split(X, groups=GROUP))
        assert (training, validation, test) == (left.tolist(), chosen.tolist(), [])


def test_a_test_by_group_leaves_the_validation_rows_as_they_are() -> None:
    _, validation, test = parts(on(by("group"), test_fraction=0.3))
    assert validation == parts(on(by("group")))[1]
    assert len(set(GROUP[test])) == 7


FOLDED: dict[str, tuple[dict[str, Any], Any]] = {
    "classes": ({}, StratifiedKFold(4, shuffle=True, random_state=5)),
    "numbers": ({}, KFold(4, shuffle=True, random_state=5)),
    "classes by group": (by("group"), StratifiedGroupKFold(4, shuffle=True, random_state=5)),
    "numbers by group": (by("group"), GroupKFold(4, shuffle=True, random_state=5)),
    "classes by time": (by("time"), TimeSeriesSplit(4)),
    "numbers by time": (by("time"), TimeSeriesSplit(4)),
    "classes by column": (WITH_TEST, StratifiedKFold(4, shuffle=True, random_state=5)),
    "numbers by column": (WITH_TEST, KFold(4, shuffle=True, random_state=5)),
}


@pytest.mark.parametrize("tested", [0.0, 0.25])
@pytest.mark.parametrize("kind", FOLDED)
def test_folds_are_scikit_learns_row_for_row(kind: str, tested: float) -> None:
    columns, splitter = FOLDED[kind]
    numbers = kind.startswith("numbers")
    is_by_column = columns is WITH_TEST
    how = {} if is_by_column else {"test_fraction": tested}
    specs = [on(columns, numbers=numbers, folds=4, fold=fold, split_seed=5, **how) for fold in range(4)]
    found = [parts(spec) for spec in specs]
    test = found[0][2]
    left = np.setdiff1d(np.arange(ROWS), test)
    if "time" in columns:
        left = left[np.argsort(TIME[left])]
    y, groups = (None if numbers else CLASSES[left]), (GROUP[left] if "group" in columns else None)
    for spec, (training, validation, same_test), (into, out) in zip(
        specs, found, splitter.split(left, y, groups), strict=True
    ):
        assert (training, validation) == (sorted(left[into].tolist()), sorted(left[out].tolist()))
        assert same_test == test
        assert spec.info is not None
        if "group" not in columns:
            assert (len(training), len(validation), len(test)) == spec.split_rows(spec.info)
    if "time" not in columns:
        assert sorted(row for _, validation, _ in found for row in validation) == left.tolist()


@examples(20, many=50)
@given(
    groups=st.lists(st.integers(0, 9), min_size=12, max_size=60),
    percents=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    folds=st.none() | st.integers(2, 3),
    numbers=st.booleans(),
    seed=st.integers(0, 100),
)
def test_no_group_is_in_two_parts(
    groups: list[int], percents: tuple[int, int], folds: int | None, numbers: bool, seed: int
) -> None:
    rows = len(groups)
    y = np.arange(rows) % 2
    data = {"x": X[:rows].tolist(), "y": y.tolist(), "group": groups}
    shares: dict[str, Any] = {"validation_fraction": percents[0] / 100} if folds is None else {"folds": folds}
    try:
        spec = job(dataset=data, batch_size=1, test_fraction=percents[1] / 100, split_seed=seed, **shares)
        found = divide(spec, rows, None if numbers else y, load(spec.dataset).roles)
    except (ValueError, BadDataError):  # too few groups
        return
    assert sorted(np.concatenate(found).tolist()) == list(range(rows))
    of_parts = [{groups[row] for row in part} for part in found]
    assert sum(map(len, of_parts)) == len(set(groups))


@examples(20, many=50)
@given(
    times=st.lists(st.integers(0, 30), min_size=10, max_size=60),
    percents=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    folds=st.none() | st.integers(2, 5),
)
def test_each_part_is_older_than_the_next(times: list[int], percents: tuple[int, int], folds: int | None) -> None:
    rows = len(times)
    y = (np.arange(rows) % 2).tolist()
    shares: dict[str, Any] = {"validation_fraction": percents[0] / 100} if folds is None else {"folds": folds}
    try:
        data = {"x": X[:rows].tolist(), "y": y, "time": times}
        spec = job(dataset=data, batch_size=1, test_fraction=percents[1] / 100, **shares)
        found = divide(spec, rows, None, load(spec.dataset).roles)
    except (ValueError, BadDataError):  # too few rows, or times
        return
    if folds is None:
        assert sorted(np.concatenate(found).tolist()) == list(range(rows))
    filled = [[times[row] for row in part] for part in found if len(part)]
    for older, newer in pairwise(filled):
        assert max(older) < min(newer)


@pytest.mark.parametrize(
    ("columns", "fields", "words"),
    [
        ({"time": [0] * 60 + [1] * 60}, {"test_fraction": 0.2}, "validation_fraction: no rows are left for validation"),
        ({"time": [0] * ROWS}, {}, "split: no rows are left for training: rows of one time are not divided."),
        ({"time": [0] * 3 + [1] * 117}, {"folds": 3, "test_fraction": 0.1}, "folds: must be less than 3, the rows"),
    ],
)
def test_rows_that_cannot_be_divided_are_told_with_the_field(
    columns: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    spec = on(columns, **fields)
    with pytest.raises(BadDataError, match=words):
        parts(spec)
    outcome = train(spec).outcomes["0"]
    assert (outcome.end, outcome.failure_reason) == ("failed", "bad_data")


def test_folds_need_a_class_as_large_and_warn_of_none() -> None:
    data = {"x": X[:12].tolist(), "y": [0] * 8 + [1] * 4}
    spec = job(dataset=data, batch_size=1, folds=10)
    with pytest.raises(BadDataError, match="folds: must be at most 8, the rows of the largest class"):
        divide(spec, 12, np.array(data["y"]), load(spec.dataset).roles)
    spec = job(dataset=data, batch_size=1, folds=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        divide(spec, 12, np.array(data["y"]), load(spec.dataset).roles)


def packs(specs: Iterable[JobSpec]) -> list[list[JobSpec]]:
    by_key: dict[str, list[JobSpec]] = {}
    for spec in specs:
        by_key.setdefault(spec.pack_key, []).append(spec)
    return list(by_key.values())


PACKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "folds": ({}, {"folds": 3}),
    "folds of other sizes": ({}, {"folds": 7}),
    "folds without a rare class": ({"y": [1] * 3 + [0] * 117}, {"folds": 5}),
    "folds beside a test": ({}, {"folds": 3, "test_fraction": 0.2}),
    "column": (by("split"), {}),
    "folds by column": (WITH_TEST, {"folds": 3}),
    "group": (by("group"), {"test_fraction": 0.2}),
    "folds by group": (by("group"), {"folds": 3}),
    "time": (by("time"), {"test_fraction": 0.2}),
    "folds by time": (by("time"), {"folds": 3}),
    "time, all in one batch": (by("time"), {"batch_size": "full"}),
}


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("kind", PACKED)
def test_members_of_any_fold_and_seed_are_the_same_alone_and_in_their_packs(kind: str, numbers: bool) -> None:
    columns, how = PACKED[kind]
    choices = [
        {"split_seed": seed, "fold": fold, "seed": 10 * seed + fold}
        for seed in (0, 1)
        for fold in range(how.get("folds", 1))
    ]
    data = {"x": X.tolist(), "y": (VALUES if numbers else CLASSES).tolist(), **columns}
    base = {"dataset": data, "loss": "mse" if numbers else "cross_entropy", "batch_size": 16, "epochs": 2, **how}
    for pack in packs(job(**base, **one) for one in choices):
        together = train(*pack)
        for place, spec in enumerate(pack):
            assert together.outcomes[str(place)].end == "succeeded"
            assert same(together, str(place), train(spec), "0")


def test_batch_normalisation_of_one_row_is_refused_when_the_rows_are_counted() -> None:
    groups = [0] * 16 + [1, 2, 3, 3]
    data = {"x": X[:20].tolist(), "y": (np.arange(20) % 2).tolist(), "group": groups}
    network = {"type": "mlp", "hidden": [4], "normalization": "batch"}
    outcomes = [
        train(job(dataset=data, architecture=network, batch_size=2, split_seed=seed)).outcomes["0"] for seed in range(8)
    ]
    failed = [outcome for outcome in outcomes if outcome.end == "failed"]
    assert 0 < len(failed) < len(outcomes)
    assert all((outcome.message or "").startswith("batch_size: 2 leaves one of") for outcome in failed)


def test_folds_of_one_size_are_one_pack_whatever_their_rows_define() -> None:
    """Three rows of a class are in three of five folds: the others have no area under the ROC."""
    data = {"x": X.tolist(), "y": [1] * 3 + [0] * 117}
    folds = [job(dataset=data, folds=5, fold=fold, epochs=1) for fold in range(5)]
    (pack,) = packs(folds)
    recorder = train(*pack)
    assert sorted("val_roc_auc" in recorder.curves[str(fold)][0] for fold in range(5)) == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_batch_has_at_most_the_training_rows_there_are() -> None:
    """By group their number is an estimate until the rows are read."""
    groups = [0] * 17 + [1, 2, 3]
    data = {"x": X[:20].tolist(), "y": (np.arange(20) % 2).tolist(), "group": groups}
    for seed in range(6):
        for batch in ("full", 16):
            spec = job(dataset=data, batch_size=batch, split_seed=seed, epochs=1)
            assert train(spec).outcomes["0"].end == "succeeded"


def test_a_validation_part_of_one_class_has_no_roc(tmp_path: Path) -> None:
    """The newest rows are of one class."""
    data = {"x": X[:40].tolist(), "y": [0, 1] * 15 + [0] * 10, "time": list(range(40))}
    recorder = train(job(dataset=data))
    outcome = recorder.outcomes["0"]
    assert outcome.end == "succeeded"
    assert "val_roc_auc" not in recorder.curves["0"][0]
    refused = train(job(dataset=data, monitor="val_roc_auc")).outcomes["0"]
    assert refused.end == "failed"
    assert refused.message is not None
    assert "val_roc_auc is undefined where all validation rows have the same target" in refused.message


def test_a_validation_part_of_some_of_the_classes_says_how_many() -> None:
    """The newest rows are of the last class, or of the last two."""
    data = {"x": X[:60].tolist(), "y": [row // 20 for row in range(60)], "time": list(range(60))}
    curves = [train(job(dataset=data, validation_fraction=part)).curves["0"][0] for part in (0.2, 0.5, 0.8)]
    assert [curve.get("val_classes") for curve in curves] == [1.0, 2.0, None]
    shuffled = train(job(dataset=data, split="random")).curves["0"][0]
    assert "val_classes" not in shuffled


def test_folds_are_trained_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "folds.yaml"
    jobs = [{"dataset": "iris", "name": f"fold-{fold}", "folds": 3, "fold": fold, "epochs": 1} for fold in range(2)]
    file.write_text(str({"jobs": jobs}))
    assert main([str(file), "--out", str(tmp_path / "out")]) == 0
    assert all((tmp_path / "out" / f"fold-{fold}" / "curve.json").exists() for fold in range(2))
    file.write_text(str({"dataset": "iris", "split": "group"}))
    with pytest.raises(SystemExit, match="split: group needs data with a group column"):
        main([str(file)])
