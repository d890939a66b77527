"""The space of a sweep: which values its parameters have."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.space import Integers, LogUniform, Parameter, Uniform, active

from .sweeping import sweep


@pytest.mark.parametrize(
    ("parameter", "ends"),
    [
        (Uniform(uniform=(-1.0, 3.0)), (-1.0, 3.0)),
        (Uniform(uniform=(0.0, 0.7), step=0.1), (0.0, 0.7)),
        (LogUniform(log_uniform=(1e-5, 0.3)), (1e-5, 0.3)),
        (Integers(integers=(1, 6)), (1, 6)),
        (Integers(integers=(2, 512), log=True), (2, 512)),
        (Integers(integers=(8, 64), step=8), (8, 64)),
        (Integers(integers=(1 - 2**63, 2**63 - 1)), (1 - 2**63, 2**63 - 1)),
        (Integers(integers=(0, 2**63 - 1)), (0, 2**63 - 1)),
    ],
)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(place=st.floats(0.0, 1.0, exclude_max=True))
def test_every_place_is_a_value_between_the_limits(
    parameter: Parameter, ends: tuple[float, float], place: float
) -> None:
    assert ends[0] <= parameter.at(place) <= ends[1]
    assert parameter.at(0.0) == pytest.approx(ends[0])
    assert parameter.at(1.0 - 1e-12) == pytest.approx(ends[1], rel=1e-6)
    if parameter.values is not None:
        assert parameter.at(place) in parameter.values


def test_steps_are_the_numbers_that_people_write() -> None:
    assert Uniform(uniform=(0.0, 0.7), step=0.1).values == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def test_a_parameter_exists_only_where_its_condition_holds() -> None:
    asked = sweep(
        {
            "optimizer": ["adam", {"type": "sgd", "momentum": 0.9}],
            "optimizer.momentum": {"uniform": [0.0, 0.99], "when": {"optimizer.type": "sgd"}},
        }
    )
    values = {"optimizer": {"type": "sgd"}, "optimizer.momentum": 0.5}
    assert list(active(asked.space, values, asked.base)) == ["optimizer", "optimizer.momentum"]
    assert list(active(asked.space, {**values, "optimizer": "adam"}, asked.base)) == ["optimizer"]
    assert asked.job(values, 0).optimizer.model_dump()["momentum"] == 0.5
