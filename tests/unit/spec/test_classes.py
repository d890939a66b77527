"""Class labels that are known before data are read, and the weights that a job gives them."""

from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from spec.classes import class_labels, weights_by_label
from spec.dataset import Shipped
from spec.estimate import estimate
from spec.job import JobSpec
from spec.validation_errors import sentences

INLINE = {"x": [[0.0], [1.0], [2.0], [3.0]], "y": [2, 5, 5, 2]}


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "iris", **fields})


def refusal(**fields: Any) -> list[tuple[str, str]]:
    body = {"dataset": "iris", **fields}
    with pytest.raises(ValidationError) as refused:
        JobSpec.model_validate(body)
    return [(fault.path, fault.message) for fault in sentences(refused.value, body)]


@pytest.fixture
def scikit_learns() -> ModuleType:
    """The data sets of scikit-learn, whose import takes seconds where this test is the first to need it."""
    from sklearn import datasets

    return datasets  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_labels_of_real_data_are_scikit_learns(name: Any, scikit_learns: ModuleType) -> None:
    shipped = getattr(scikit_learns, f"load_{name}")()
    assert class_labels(Shipped(name=name)) == tuple(map(str, getattr(shipped, "target_names", ())))


@pytest.mark.parametrize(
    ("dataset", "weights"),
    [
        ("iris", {"setosa": 2.0}),
        ("xor", {0: 1, 1: 2.5}),
        ({"name": "blobs", "classes": 4}, {"3": 9.0}),
        (INLINE, {2: 3, "5": 1}),
        (INLINE, {2.0: 3}),
        ("digits", "balanced"),
    ],
    ids=str,
)
def test_weights_are_given_by_label(dataset: Any, weights: Any) -> None:
    found = spec(dataset=dataset, class_weight=weights)
    wanted = (
        weights if weights == "balanced" else {f"{key:g}" if key != str(key) else key: weights[key] for key in weights}
    )
    assert found.class_weight == wanted
    assert found.is_weighted
    assert JobSpec.model_validate_json(found.model_dump_json()) == found


def test_true_and_false_are_words_as_yaml_reads_them() -> None:
    uploaded = {"id": "ds_" + "0" * 32}
    assert spec(dataset=uploaded, class_weight={True: 2, False: 1}).class_weight == {"true": 2.0, "false": 1.0}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (
            {"class_weight": {"rose": 2}},
            "'rose' is no class of the data set, which has 'setosa', 'versicolor', 'virginica'",
        ),
        ({"class_weight": {"a": 1, "b": 1}}, "'a', 'b' are no classes of the data set"),
        (
            {"class_weight": {2: 1}, "dataset": {"name": "blobs", "classes": 2}},
            "'2' is no class of the data set, which has '0', '1'",
        ),
        ({"class_weight": {1: 1}, "dataset": INLINE}, "'1' is no class of the data set, which has '2', '5'"),
        ({"class_weight": {7: 1, 100: 1}, "dataset": {"name": "blobs", "classes": 100}}, "'9' and 90 more"),
        ({"class_weight": "balancd"}, "must be balanced or must be an object; it is 'balancd'; did you mean balanced?"),
        ({"class_weight": {}}, "must have at least 1 entries"),
        (
            {"class_weight": "balanced", "dataset": "diabetes", "loss": "mse"},
            "needs classes, and this data set's targets are numbers",
        ),
    ],
    ids=str,
)
def test_wrong_weights_are_refused_with_what_is_allowed(fields: dict[str, Any], wanted: str) -> None:
    ((path, message),) = refusal(**fields)
    assert path == "class_weight"
    assert wanted in message


@pytest.mark.parametrize("weight", [0, -1, 1e7, 1e-9, float("nan"), float("inf"), True, "2", None])
def test_a_weight_is_a_number_within_bounds(weight: Any) -> None:
    assert [path for path, _ in refusal(class_weight={"setosa": weight})] == ["class_weight.setosa"]


@pytest.mark.parametrize(
    ("weight", "path", "message"),
    [
        ([1, 2, 3], "dataset.weight", "must have one entry per row: x has 4, weight 3"),
        ([0, 0, 0, 0], "dataset.weight", "must be above 0 for at least one row"),
        ([1, -1, 1, 1], "dataset.weight.1", "must be at least 0.0; it is -1"),
        ([1, float("nan"), 1, 1], "dataset.weight.1", "must be a finite number; it is NaN"),
        ([1, "1", 1, 1], "dataset.weight.1", "must be a number; it is '1'"),
        (2, "dataset.weight", "must be a list; it is 2"),
    ],
    ids=str,
)
def test_weights_of_inline_rows_are_checked(weight: Any, path: str, message: str) -> None:
    assert refusal(dataset={**INLINE, "weight": weight}) == [(path, message)]


def test_a_batch_of_one_row_has_no_weights() -> None:
    ((path, message),) = refusal(class_weight="balanced", batch_size=1)
    assert (path, message.split(":")[0]) == ("batch_size", "must be at least 2 with class_weight")
    ((path, message),) = refusal(dataset={**INLINE, "weight": [1, 2, 3, 4]}, batch_size=1)
    assert (path, message.split(":")[0]) == ("batch_size", "must be at least 2 with a weight of each row")
    assert spec(batch_size=1).batch_size == 1
    assert spec(batch_size=1, gradient_accumulation=2, class_weight="balanced").is_weighted


def test_jobs_with_different_class_weights_are_of_one_pack_and_unweighted_ones_are_not() -> None:
    keys = [spec(class_weight=given).pack_key for given in ("balanced", {"setosa": 2}, {"virginica": 3})]
    assert len(set(keys)) == 1
    assert spec().pack_key not in keys


def test_weights_are_known_and_counted_before_training() -> None:
    weighted, plain = spec(dataset={**INLINE, "weight": [1, 0, 2, 0.5]}), spec(dataset=INLINE)
    assert weighted.info is not None
    assert plain.info is not None
    assert (weighted.info.weighted, plain.info.weighted) == (True, False)
    more = estimate(weighted, weighted.info).memory_bytes - estimate(plain, plain.info).memory_bytes
    assert more == 4 * 4


@pytest.mark.parametrize(
    ("given", "labels", "meant"),
    [
        ({"true": 3.0, "false": 1.0}, ("False", "True"), {"True": 3.0, "False": 1.0}),
        ({"1": 3.0, "2.50": 1.0}, ("1.0", "2.5"), {"1.0": 3.0, "2.5": 1.0}),
        ({"1": 3.0, "1.0": 2.0}, ("1", "2"), {"1": 3.0, "1.0": 2.0}),
        ({"YES": 3.0}, ("Yes", "yes"), {"YES": 3.0}),
        ({"nan": 3.0}, ("1", "2"), {"nan": 3.0}),
        ({"true": 3.0, "TRUE": 2.0}, ("False", "True"), {"true": 3.0, "TRUE": 2.0}),
    ],
)
def test_a_weight_is_that_of_the_only_label_that_means_the_same(
    given: dict[str, float], labels: tuple[str, ...], meant: dict[str, float]
) -> None:
    assert weights_by_label(given, labels) == meant
