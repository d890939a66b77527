"""What a job that begins with another's network may say, and where the two must agree."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from spec.job import JobSpec
from spec.validation_errors import sentences
from spec.verdict import judge
from spec.warm_start import check_network, check_shapes, keeps_optimizer

BASE = "01900000-0000-7000-8000-000000000000"


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "iris", **fields})


def warm(**fields: Any) -> JobSpec:
    return spec(init_from=BASE, **fields)


def said(**fields: Any) -> tuple[str, str]:
    """The path and the message of the one rule that these fields break."""
    body = {"dataset": "iris", "init_from": BASE, **fields}
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate(body)
    (error,) = sentences(caught.value, body)
    return error.path, error.message


def difference(job: JobSpec, base: JobSpec) -> tuple[str, str]:
    with pytest.raises(PydanticCustomError) as caught:
        check_network(job, base)
    return (caught.value.context or {})["path"], caught.value.message()


@pytest.mark.parametrize(
    ("field", "value"),
    [("initial_weights", "zeros"), ("initial_biases", [[0.0] * 64, [0.0] * 32, [0.0] * 3]), ("standardize", True)],
)
def test_how_a_network_begins_is_said_once(field: str, value: Any) -> None:
    path, message = said(**{field: value})
    assert path == field
    assert message.startswith("must be left out with init_from")


@pytest.mark.parametrize("value", ["", "job", f"{BASE}0", "0190", "ds_00"])
def test_a_job_is_named_by_its_id(value: str) -> None:
    path, message = said(init_from=value)
    assert path == "init_from"
    assert message.startswith("must be an id, as an answer gave it")


def test_an_id_has_one_form_and_jobs_that_begin_alike_share_a_pack() -> None:
    assert spec(init_from=BASE.upper()).init_from == BASE
    assert warm(seed=3, learning_rate=0.1).pack_key == warm().pack_key
    assert warm().pack_key != spec().pack_key
    assert spec(keep_optimizer=True).pack_key != spec().pack_key
    assert JobSpec.model_validate_json(warm().model_dump_json()) == warm()


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"architecture": "perceptron"}, "architecture", "must be mlp, as in the job of init_from, not perceptron"),
        (
            {"architecture": {"type": "mlp", "hidden": [64]}},
            "architecture.hidden",
            "must be [64, 32], as in the job of init_from, not [64]",
        ),
        ({"architecture": {"type": "mlp", "bias": False}}, "architecture.bias", "must be true, as in the job of"),
        ({"activation": "tanh"}, "activation", "must be relu, as in the job of init_from, not tanh"),
        ({"loss": "mse"}, "loss", "must be cross_entropy, as in the job of init_from: with mse"),
        ({"loss": "hinge"}, "loss", "must be cross_entropy"),
    ],
)
def test_another_network_is_refused_by_the_field_that_differs(fields: dict[str, Any], path: str, message: str) -> None:
    found, text = difference(warm(**fields), spec())
    assert found == path
    assert text.startswith(message)


def test_an_output_activation_that_is_computed_must_be_the_same() -> None:
    base = spec(dataset="diabetes", loss="mse")
    with_softplus = warm(dataset="diabetes", loss="huber", output_activation="softplus")
    assert difference(with_softplus, base)[0] == "output_activation"
    check_network(warm(dataset="diabetes", loss="huber", output_activation="identity"), base)


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": {"type": "focal", "gamma": 1.0}},
        {"activation": ["relu", "relu"]},
        {"dropout": 0.3, "optimizer": "sgd", "batch_size": 8, "seed": 9, "precision": "float64"},
        {"architecture": {"type": "mlp", "hidden": [64, 32]}},
    ],
)
def test_what_leaves_the_function_as_it_is_may_differ(fields: dict[str, Any]) -> None:
    check_network(warm(**fields), spec())


def test_layers_of_another_shape_are_named() -> None:
    job, base = warm(dataset="wine"), spec()
    assert job.info is not None
    assert base.info is not None
    with pytest.raises(PydanticCustomError) as caught:
        check_shapes(job, job.info, base, base.info)
    assert "weights of its layer 1 are 64 x 4, of this job 64 x 13" in caught.value.message()


def test_a_verdict_that_suggests_another_network_suggests_no_warm_start() -> None:
    flat, accuracy = [1.08, 1.07, 1.06, 1.06], [0.4] * 4
    curve: dict[str, list[float | None]] = {
        "epoch": [1.0, 2.0, 3.0, 4.0],
        **{"train_loss": [*flat], "val_loss": [*flat], "train_accuracy": [*accuracy], "val_accuracy": [*accuracy]},
    }
    verdict = judge(warm(architecture="perceptron"), curve)
    assert verdict is not None
    assert verdict.suggestion is not None
    assert verdict.suggestion.architecture.type == "mlp"
    assert verdict.suggestion.init_from is None


def test_an_optimizer_goes_on_if_it_was_kept_and_is_the_same() -> None:
    kept = spec(optimizer="rmsprop", keep_optimizer=True)
    assert keeps_optimizer(warm(optimizer={"type": "rmsprop", "alpha": 0.5}), kept)
    assert not keeps_optimizer(warm(optimizer={"type": "rmsprop", "centered": True}), kept)
    assert not keeps_optimizer(warm(optimizer="adam"), kept)
    assert not keeps_optimizer(warm(optimizer="rmsprop"), spec(optimizer="rmsprop"))
