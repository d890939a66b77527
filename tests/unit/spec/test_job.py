from typing import Any

import pytest
from pydantic import ValidationError

from spec.architectures import layer_shapes, parameter_count
from spec.dataset import Uploaded
from spec.job import JobSpec
from spec.losses import output_units

LECTURE: dict[str, Any] = {
    "dataset": {"x": [[0.05, 0.10]], "y": [[0.01, 0.99]]},
    "validation_fraction": 0,
    "architecture": {"type": "mlp", "hidden": [2], "bias": False},
    "activation": "sigmoid",
    "output_activation": "sigmoid",
    "loss": "mse",
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "batch_size": "full",
    "epochs": 10_000,
    "precision": "float64",
    "initial_weights": [[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
}


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "digits", **fields})


def broken(**fields: Any) -> tuple[str, str]:
    """The path and the message of the one rule that these fields break."""
    with pytest.raises(ValidationError) as caught:
        spec(**fields)
    (error,) = caught.value.errors()
    return error["ctx"]["path"], error["msg"]


def test_a_spec_survives_json_and_back() -> None:
    first = JobSpec.model_validate(LECTURE)
    assert JobSpec.model_validate_json(first.model_dump_json()) == first


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        spec().epochs = 3  # type: ignore[misc]


def test_a_name_stands_for_the_kind_with_its_defaults() -> None:
    assert spec(optimizer="sgd") == spec(optimizer={"type": "sgd"})
    assert spec(dataset="xor") == spec(dataset={"name": "xor"})
    assert spec(schedule="cosine") == spec(schedule={"type": "cosine", "floor": 0.0})


@pytest.mark.parametrize("value", [0, -1.0, 1e10, "0.1", True, float("nan"), float("inf"), None])
def test_a_learning_rate_is_a_number_above_zero_and_at_most_1000(value: object) -> None:
    with pytest.raises(ValidationError):
        spec(learning_rate=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, 10**9, "ten", False])
def test_epochs_are_a_whole_number_within_bounds(value: object) -> None:
    with pytest.raises(ValidationError):
        spec(epochs=value)


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"activation": ["relu"]}, "activation", "1 values for 2 hidden layers"),
        ({"dropout": [0.1, 0.2, 0.3]}, "dropout", "3 values for 2 hidden layers"),
        ({"batch_size": 1439}, "batch_size", "at most 1438"),
        ({"dataset": "diabetes", "loss": "cross_entropy"}, "loss", "needs classes"),
        ({"loss": "binary_cross_entropy"}, "loss", "there are 10"),
        ({"loss": "poisson_nll"}, "loss", "counts"),
        ({"output_activation": "sigmoid"}, "output_activation", "logits"),
        ({"loss": "mse", "label_smoothing": 0.1}, "label_smoothing", "cross_entropy"),
        ({"validation_fraction": 0, "monitor": "val_loss"}, "monitor", "validation_fraction"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "validation_fraction", "no row for training"),
        ({"dataset": {"name": "xor", "n": 4}, "test_fraction": 0.1}, "test_fraction", "no row for test"),
        ({"dataset": "digits", "monitor": "val_rmse"}, "monitor", "needs numbers"),
        ({"dataset": "digits", "monitor": "val_roc_auc"}, "monitor", "2 classes, and there are 10"),
        ({"dataset": "diabetes", "loss": "mse", "monitor": "val_macro_f1"}, "monitor", "needs classes"),
        ({"dataset": "iris", "augmentation": {"flip": True}}, "augmentation", "needs image data"),
        ({"augmentation": {"crop": 9}}, "augmentation.crop", "at most 8: images are 8 x 8"),
        ({"dataset": "iris", "architecture": "cnn"}, "architecture.type", "image"),
        ({"architecture": {"type": "mlp", "hidden": [65536, 65536]}}, "architecture", "parameters"),
        ({"initial_weights": [[[1.0]]]}, "initial_weights", "64 x 64"),
        ({"dataset": {"x": [[1.0]], "y": [1]}, "validation_fraction": 0}, "dataset", "one class"),
        ({"architecture": {"type": "cnn", "kernel": 9, "padding": 0}}, "architecture.kernel", "larger"),
    ],
)
def test_a_rule_between_fields_names_the_field_to_change(fields: dict[str, Any], path: str, words: str) -> None:
    where, message = broken(**fields)
    assert where == path
    assert words in message


def test_the_default_digits_network_has_6570_parameters() -> None:
    job = spec()
    assert job.info is not None
    assert parameter_count(job, job.info) == 64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10


def test_a_convolution_shrinks_its_image_by_stride_and_pooling() -> None:
    job = spec(architecture={"type": "cnn", "channels": [8, 16], "hidden": [32]})
    assert job.info is not None
    assert layer_shapes(job, job.info) == [(8, 1, 3, 3), (16, 8, 3, 3), (32, 16 * 2 * 2), (10, 32)]


@pytest.mark.parametrize(
    ("dataset", "loss", "units"),
    [
        ("digits", "cross_entropy", 10),
        ("moons", "cross_entropy", 2),
        ("moons", "binary_cross_entropy", 1),
        ("moons", "mse", 1),
        ("iris", "mse", 3),
        ("diabetes", "mse", 1),
    ],
)
def test_output_units_follow_loss_and_targets(dataset: str, loss: str, units: int) -> None:
    job = spec(dataset=dataset, loss=loss)
    assert job.info is not None
    assert output_units(job.loss, job.info) == units


def test_a_step_of_a_full_batch_has_no_other_batches() -> None:
    path, message = broken(batch_size="full", gradient_accumulation=2)
    assert path == "gradient_accumulation"
    assert 'must be 1 with batch_size "full"' in message


def test_jobs_that_differ_in_numbers_only_share_a_pack() -> None:
    base = spec(optimizer={"type": "sgd"})
    for fields in (
        {"learning_rate": 0.5},
        {"dropout": 0.5},
        {"seed": 3},
        {"split_seed": 3},
        {"epochs": 3},
        {"patience": 3},
        {"optimizer": {"type": "sgd", "momentum": 0.9}},
        {"schedule": "cosine"},
        {"weight_decay": 0.1},
        {"l1": 0.1},
        {"monitor": "val_accuracy"},
        {"name": "other", "tags": {"a": "b"}, "priority": 3},
    ):
        assert spec(**{"optimizer": "sgd", **fields}).pack_key == base.pack_key, fields


def test_jobs_of_another_shape_do_not_share_a_pack() -> None:
    base = spec(optimizer="sgd")
    for fields in (
        {"architecture": {"type": "mlp", "hidden": [64, 33]}},
        {"activation": "tanh"},
        {"optimizer": "adam"},
        {"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True}},
        {"batch_size": 16},
        {"gradient_accumulation": 2},
        {"precision": "float64"},
        {"validation_fraction": 0.3},
        {"train_metrics": "running"},
        {"standardize": False},
        {"augmentation": {"crop": 1}},
        {"loss": "hinge"},
        {"dataset": "wine"},
    ):
        assert spec(**{"optimizer": "sgd", **fields}).pack_key != base.pack_key, fields


def test_jobs_that_change_images_in_their_own_ways_share_a_pack() -> None:
    base = spec(augmentation={"crop": 1})
    assert spec(augmentation={"crop": 2, "flip": True}).pack_key == base.pack_key
    assert spec(augmentation={"crop": 0, "flip": False}).pack_key == spec().pack_key
    assert spec(augmentation={"crop": 1}, standardize=False).pack_key == spec(standardize=False).pack_key


@pytest.mark.parametrize(
    "fields", [{"crop": -1}, {"crop": 1.0}, {"crop": 65}, {"flip": 1}, {"rotate": 90}, "flip", None]
)
def test_an_augmentation_is_pixels_and_a_switch(fields: object) -> None:
    with pytest.raises(ValidationError):
        spec(augmentation=fields)


def test_every_field_is_described_in_the_schema() -> None:
    properties = JobSpec.model_json_schema()["properties"]
    assert [name for name, field in properties.items() if not field.get("description")] == []


def test_real_data_are_standardised_and_made_data_are_not() -> None:
    assert spec(dataset="wine").standardizes
    assert not spec(dataset="moons").standardizes
    assert spec(dataset="moons", standardize=True).standardizes


@pytest.mark.parametrize(
    ("dataset", "loss"),
    [
        ("diabetes", "mse"),
        ("linear", "mse"),
        ("digits", "cross_entropy"),
        ({"x": [[float(row)] for row in range(10)], "y": [0.5 * row for row in range(10)]}, "mse"),
        ({"x": [[float(row)] for row in range(10)], "y": [row % 2 for row in range(10)]}, "cross_entropy"),
    ],
)
def test_the_default_loss_is_one_for_the_targets(dataset: Any, loss: str) -> None:
    spec = JobSpec(dataset=dataset)
    assert spec.loss.type == loss
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert JobSpec.model_validate(spec.model_dump(exclude_unset=True)) == spec


def test_the_default_batch_is_never_larger_than_the_training_split() -> None:
    small = {"dataset": {"x": [[0.0], [1.0]], "y": [0, 1]}, "validation_fraction": 0}
    assert JobSpec.model_validate(small).batch_size == 2
    assert spec().batch_size == 32


ROW: dict[str, Any] = {"x": [[float(row)] for row in range(10)]}


@pytest.mark.parametrize(
    ("y", "fields", "path", "message"),
    [
        ([-1.5, 2.5] * 5, {"loss": "poisson_nll"}, "loss", "poisson_nll needs targets of 0 or more (counts)"),
        ([0.5, 1.5] * 5, {"loss": "binary_cross_entropy"}, "loss", "needs targets between 0 and 1"),
        ([[0.5, 1.5]] * 10, {"loss": "binary_cross_entropy"}, "loss", "this data set's are from 0.5 to 1.5"),
        ([3.5, 40.5] * 5, {"loss": "mse", "output_activation": "sigmoid"}, "output_activation", "between 0 and 1 only"),
        (
            [-3.5, 0.5] * 5,
            {"loss": "mae", "output_activation": "relu"},
            "output_activation",
            "relu reaches numbers 0 up",
        ),
    ],
)
def test_targets_that_cannot_be_predicted_are_refused(y: Any, fields: dict[str, Any], path: str, message: str) -> None:
    found, said = broken(dataset={**ROW, "y": y}, **fields)
    assert found == path
    assert message in said


@pytest.mark.parametrize("loss", ["poisson_nll", "binary_cross_entropy"])
def test_targets_of_linear_are_neither_counts_nor_probabilities(loss: str) -> None:
    assert broken(dataset="linear", loss=loss)[0] == "loss"


@pytest.mark.parametrize(
    ("y", "fields"),
    [
        ([0.0, 7.0] * 5, {"loss": "poisson_nll"}),
        ([0.0, 0.3, 1.0, 0.5, 0.25] * 2, {"loss": "binary_cross_entropy"}),
        ([-0.5, 0.9] * 5, {"loss": "mse", "output_activation": "tanh"}),
        ([0.0, 1.0] * 5, {"loss": "mse", "output_activation": "tanh"}),
    ],
)
def test_targets_within_the_limits_are_taken(y: list[float], fields: dict[str, Any]) -> None:
    assert not spec(dataset={**ROW, "y": y}, standardize=True, **fields).standardizes_targets


NORMALIZED = {"type": "mlp", "hidden": [8], "normalization": "batch"}


def test_batch_normalization_is_refused_where_a_step_has_one_row() -> None:
    alone = broken(dataset="iris", architecture=NORMALIZED, batch_size=1)
    assert alone == (
        "batch_size",
        "must be 2 or more: architecture.normalization batch needs two rows or more in every step",
    )
    path, said = broken(dataset="iris", architecture=NORMALIZED, batch_size=17)
    assert path == "batch_size"
    assert "17 leaves one of 120 rows for an epoch's last step" in said
    assert said.endswith("use 16")
    assert spec(dataset="iris", architecture=NORMALIZED, batch_size=16).batch_size == 16


def test_metrics_of_training_rows_are_monitored_only_where_they_are_measured() -> None:
    path, said = broken(monitor="train_balanced_accuracy", train_metrics="running")
    assert (path, said) == ("monitor", "train_balanced_accuracy needs train_metrics exact")


def test_the_default_loss_of_an_upload_follows_its_targets_before_an_output_activation_is_checked() -> None:
    asked = JobSpec.model_validate({"dataset": "ds_" + "0" * 32, "output_activation": "sigmoid"})
    shares = {"rows": 100, "features": 1, "targets": "numbers", "target_range": [0.1, 0.9]}
    looked_up = {"id": "ds_" + "0" * 32, "sha256": "0" * 64}
    assert asked.on(Uploaded.model_validate({**looked_up, "info": shares})).loss.type == "mse"
    words = {"rows": 100, "features": 1, "targets": "classes", "classes": 2}
    with pytest.raises(ValidationError, match="must be null with loss cross_entropy"):
        asked.on(Uploaded.model_validate({**looked_up, "info": words}))


@pytest.mark.parametrize("fields", [{"loss": "poisson_nll"}, {"monitor": "val_r2"}])
def test_counts_that_were_read_as_classes_are_to_be_uploaded_as_numbers(fields: dict[str, Any]) -> None:
    few = {"rows": 100, "features": 1, "targets": "classes", "classes": 9}
    upload = Uploaded.model_validate({"id": "ds_" + "0" * 32, "sha256": "0" * 64, "info": few})
    with pytest.raises(ValidationError, match="upload the file again with task=regression"):
        JobSpec.model_validate({"dataset": "ds_" + "0" * 32, **fields}).on(upload)
