from typing import Any

import pytest
from pydantic import TypeAdapter

from epochal.cli.render_sweeps import values_text
from epochal.cli.sweep_results import _csv
from spec.space import AnyParameter
from spec.sweep_views import TrialView


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ([None, 5, {"type": "sgd", "momentum": 0.9}], "none, 5, sgd (momentum 0.9)"),
        ([True, False], "true, false"),
        ({"uniform": [0.0, 0.5], "step": 0.2}, "0, 0.2, 0.4"),
        ({"integers": [10, 50], "step": 15}, "10, 25, 40"),
        ({"integers": [1, 100]}, "1, 2, 3 ... 100 (100 values)"),
        ({"integers": [1, 5000]}, "1 to 5000"),
        ({"integers": [1, 100], "log": True}, "1 to 100, uniform by logarithm"),
        (
            {"uniform": [0.0, 0.5], "when": {"optimizer.type": ["sgd", "adam"]}},
            "0 to 0.5, where optimizer.type is sgd or adam",
        ),
        ({"log_uniform": [1e-5, 0.1]}, "1e-05 to 0.1, uniform by logarithm"),
    ],
)
def test_a_check_shows_the_values_that_a_parameter_may_have(parameter: Any, text: str) -> None:
    assert values_text(TypeAdapter[Any](AnyParameter).validate_python(parameter)) == text


def test_a_column_has_a_name_of_its_own_though_the_learning_rate_at_the_end_is_a_metric() -> None:
    how = {"number": 0, "generation": 0, "state": "finished", "score": 0.5, "deviation": None, "epochs": 3}
    what = {"configuration": {"learning_rate": 0.1}, "metrics": {"val_loss": 0.5, "learning_rate": 0.05}}
    trial = TrialView.model_validate({**how, **what, "jobs": [], "links": {}})
    assert _csv([trial]) == (
        "number,state,score,deviation,epochs_trained,learning_rate,val_loss\n0,finished,0.5,,3,0.1,0.5\n"
    )
