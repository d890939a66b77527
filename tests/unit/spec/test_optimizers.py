"""What an optimizer's class declares reaches those who read it, or is refused."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from spec.base import Count, Real, one_of
from spec.optimizers import OPTIMIZERS, OptimizerSpec, Sgd
from spec.schedules import SCHEDULES


class Strange(OptimizerSpec):
    """An optimizer with a hyper-parameter of every kind."""

    type: Literal["strange"] = "strange"
    rate: Real = 0.5
    steps: Annotated[Count, Field(ge=1)] = 5
    limit: Annotated[Real, Field(gt=0.0)] | None = None
    form: Literal["round", "square"] = "round"
    centered: bool = False


def test_numbers_may_differ_in_a_pack_and_all_else_forms_its_key() -> None:
    plain = Strange()
    assert plain.numbers == {"rate": 0.5, "steps": 5}
    assert plain.switches == {"type": "strange", "limit": None, "form": "round", "centered": False}
    given = Strange(limit=2.0)
    assert given.numbers == {"rate": 0.5, "steps": 5, "limit": 2.0}
    assert "limit" not in given.switches


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_optimizer_that_keeps_no_squares_describes_none(optimizer: Callable[[], OptimizerSpec]) -> None:
    made = optimizer()
    described = " ".join(field.description or "" for field in type(made).model_fields.values())
    assert "squares" in made.buffers or "square" not in described


@pytest.mark.parametrize("kind", [tuple[Real, ...], dict[str, float], float | list[float]])
def test_a_hyper_parameter_that_the_trainer_cannot_carry_is_refused_at_once(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"Bad\.betas"):
        type("Bad", (OptimizerSpec,), {"__annotations__": {"type": Literal["bad"], "betas": kind}, "betas": None})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"nesterov": True}, "nesterov"),
        ({"dampening": 0.5}, "dampening"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.5}, "nesterov"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Sgd(**fields)
    assert refused.value.errors()[0]["ctx"]["path"] == f"optimizer.{path}"


def test_a_job_of_before_dampening_is_read_as_it_was_meant() -> None:
    stored = {"type": "sgd", "momentum": 0.9, "nesterov": True}
    assert TypeAdapter(one_of(OPTIMIZERS)).validate_python(stored) == Sgd(momentum=0.9, nesterov=True)


def test_names_and_classes_are_told_apart() -> None:
    for kinds in (OPTIMIZERS, SCHEDULES):
        read = TypeAdapter(one_of(kinds))
        for kind in kinds:
            assert read.validate_python(kind.name()) == read.validate_python({"type": kind.name()}) == kind()
            assert type(read.validate_python(kind.name())) is kind


def test_the_usual_rate_of_sgd_is_a_round_number_for_a_round_momentum() -> None:
    assert [Sgd(momentum=momentum).usual_rate for momentum in (0.0, 0.9, 0.99)] == [0.1, 0.01, 0.001]
