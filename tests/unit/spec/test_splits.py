"""What decides the split of a row is checked when a job is submitted."""

from typing import Any

import pytest
from pydantic import ValidationError

from spec.dataset import DatasetInfo, Targets, Uploaded
from spec.job import JobSpec
from spec.splits import SplitBy
from spec.validation_errors import sentences

X = [[float(place)] for place in range(20)]
Y = [place % 2 for place in range(20)]
SPLIT = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4
GROUP = ["ada"] * 5 + ["bob"] * 5 + ["cy"] * 5 + ["di"] * 5
TIME = [float(place) for place in range(20)]


def body(columns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"dataset": {"x": X, "y": Y, **columns}, **fields}


def job(columns: dict[str, Any], **fields: Any) -> JobSpec:
    return JobSpec.model_validate(body(columns, **fields))


def rows(spec: JobSpec) -> tuple[int, int, int]:
    assert spec.info is not None
    return spec.split_rows(spec.info)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, "random"),
        ({"time": TIME}, "time"),
        ({"time": TIME, "group": GROUP}, "group"),
        ({"time": TIME, "group": GROUP, "split": SPLIT}, "column"),
    ],
)
def test_without_a_word_the_data_decide(columns: dict[str, Any], wanted: str) -> None:
    assert job(columns).split_by == wanted
    assert job(columns, split="random").split_by is SplitBy.random


COLUMN, GROUPS, TIMES = {"split": SPLIT}, {"group": GROUP}, {"time": TIME}
TRAIN_AND_TEST = {"split": ["train"] * 15 + ["test"] * 5}


@pytest.mark.parametrize(
    ("columns", "fields", "wanted"),
    [
        (COLUMN, {}, (12, 4, 4)),
        (COLUMN, {"validation_fraction": 0.5}, (12, 4, 4)),
        (COLUMN, {"validation_fraction": 0}, (12, 4, 4)),
        (TRAIN_AND_TEST, {}, (12, 3, 5)),
        (TRAIN_AND_TEST, {"folds": 4}, (11, 4, 5)),
        (TRAIN_AND_TEST, {"folds": 4, "fold": 3}, (12, 3, 5)),
        ({"split": ["Train"] * 16 + ["val"] * 4}, {"test_fraction": 0.25}, (12, 4, 4)),
        (GROUPS, {}, (15, 5, 0)),
        (GROUPS, {"test_fraction": 0.3}, (5, 5, 10)),
        (TIMES, {"test_fraction": 0.1}, (14, 4, 2)),
        (TIMES, {"folds": 3, "fold": 0}, (5, 5, 0)),
        (TIMES, {"folds": 3, "fold": 2}, (15, 5, 0)),
        (TIMES, {"folds": 9, "fold": 0}, (2, 2, 0)),
        (TIMES, {"folds": 19}, (1, 1, 0)),
        ({}, {"folds": 3, "fold": 1, "test_fraction": 0.05}, (13, 6, 1)),
        ({}, {"folds": 3, "fold": 0, "test_fraction": 0.05}, (12, 7, 1)),
    ],
)
def test_the_sizes_of_the_parts(columns: dict[str, Any], fields: dict[str, Any], wanted: tuple[int, int, int]) -> None:
    assert rows(job(columns, **fields)) == wanted


@pytest.mark.parametrize(
    ("columns", "fields", "path", "words"),
    [
        ({}, {"split": "column"}, "split", "needs data with a split column: upload the file with split=COLUMN"),
        (COLUMN, {"split": "group"}, "split", "give inline data a list group, or use split: random"),
        (GROUPS, {"split": "time"}, "split", "needs data with a time column"),
        ({}, {"split": "groups"}, "split", "did you mean group?"),
        ({"split": ["test"] * 20}, {}, "split", "has no training rows"),
        (COLUMN, {"folds": 2}, "folds", "the split column has 4 validation rows already"),
        (COLUMN, {"test_fraction": 0.1}, "test_fraction", "the split column has 4 test rows already"),
        (GROUPS, {"validation_fraction": 0.5, "test_fraction": 0.5}, "validation_fraction", "has 4 groups"),
        (GROUPS, {"folds": 5}, "folds", "must be at most 4, the groups that are not test"),
        (GROUPS, {"folds": 4, "test_fraction": 0.1}, "folds", "must be at most 3, the groups that are not test"),
        (TIMES, {"folds": 20}, "folds", "must be at most 19, one less than the rows that are not test"),
        ({}, {"folds": 21}, "folds", "must be at most 20, the rows that are not test"),
        ({}, {"folds": 1}, "folds", "must be at least 2"),
        ({}, {"folds": 101}, "folds", "must be at most 100"),
        ({}, {"folds": 3, "fold": 3}, "fold", "must be less than folds, which is 3"),
        ({}, {"fold": 1}, "fold", "needs folds"),
        ({}, {"folds": 3, "validation_fraction": 0.2}, "validation_fraction", "must be left out with folds"),
        ({}, {"validation_fraction": 0, "monitor": "val_loss"}, "monitor", "needs validation_fraction"),
        ({"group": GROUP[1:]}, {}, "dataset.group", "must have one entry per row: x has 20, group 19"),
        ({"split": ["dev"] * 19 + ["x"]}, {}, "dataset.split", "must be train, validation or test; it has 'x'"),
        ({"time": ["2026-11-25"] * 20}, {}, "dataset.time.0", "must be a number"),
        (GROUPS, {"batch_size": 20}, "batch_size", "must be at most 19"),
    ],
)
def test_what_cannot_be_divided_is_refused_with_its_field(
    columns: dict[str, Any], fields: dict[str, Any], path: str, words: str
) -> None:
    wanted = body(columns, **fields)
    with pytest.raises(ValidationError) as raised:
        JobSpec.model_validate(wanted)
    (fault,) = sentences(raised.value, wanted)
    assert fault.path == path
    assert words in fault.message


def test_folds_and_named_rows_are_a_validation() -> None:
    assert job({}, folds=2).monitored == "val_loss"
    assert job(COLUMN, validation_fraction=0).monitored == "val_loss"
    assert job(COLUMN, validation_fraction=0, split="random").monitored == "train_loss"
    assert job({}, validation_fraction=0).monitored == "train_loss"


def test_a_job_with_folds_is_read_again_from_the_record() -> None:
    spec = job(COLUMN, split="random", folds=3, fold=2)
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert spec.validation_fraction == 0.0


def test_an_upload_that_is_not_looked_up_yet_may_have_validation_rows() -> None:
    upload = {"id": "ds_" + "0" * 32}
    asked = JobSpec.model_validate({"dataset": upload, "validation_fraction": 0, "monitor": "val_loss"})
    size: dict[str, Any] = {"rows": 20, "features": 1, "targets": Targets.classes, "classes": 2}
    named = Uploaded(**upload, sha256="0" * 64, info=DatasetInfo(**size, split_rows=(12, 4, 4)))
    assert rows(asked.on(named)) == (12, 4, 4)
    with pytest.raises(ValidationError, match="needs validation_fraction"):
        asked.on(Uploaded(**upload, sha256="0" * 64, info=DatasetInfo(**size)))


def test_jobs_whose_parts_differ_in_size_do_not_share_a_pack() -> None:
    for columns in ({}, TRAIN_AND_TEST, TIMES):
        assert job(columns, split_seed=1).pack_key == job(columns).pack_key
        assert job(columns, folds=4).pack_key != job(columns, folds=3).pack_key
    assert job(TIMES, folds=3, fold=1).pack_key != job(TIMES, folds=3).pack_key
    sizes = {job({}, folds=3, fold=fold).pack_key for fold in range(3)}  # 7, 7 and 6 of 20 rows
    assert len(sizes) == 2
    assert len({job(TRAIN_AND_TEST, folds=5, fold=fold, split_seed=fold).pack_key for fold in range(5)}) == 1
    assert job(GROUPS, split_seed=1).pack_key != job(GROUPS).pack_key
    assert job(GROUPS, split="random").pack_key != job(GROUPS).pack_key
    assert job(GROUPS, split="group").pack_key == job(GROUPS).pack_key
