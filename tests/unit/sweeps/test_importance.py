"""Which parameters matter, found again in made scores."""

import numpy as np
import pytest
from scipy import stats

from spec.configuration import Configuration
from spec.space import Choice, LogUniform, Parameter, Uniform
from sweeps.importance import importances

SPACE: dict[str, Parameter] = {
    "learning_rate": LogUniform(log_uniform=(1e-4, 1.0)),
    "dropout": Uniform(uniform=(0.0, 0.9)),
    "optimizer": Choice(choice=("sgd", "adam")),
    "optimizer.momentum": Uniform(uniform=(0.0, 0.99)),
}


def drawn(count: int) -> list[Configuration]:
    draws = np.random.default_rng(1).random((count, len(SPACE)))
    found = [{name: SPACE[name].at(place) for name, place in zip(SPACE, row, strict=True)} for row in draws]
    return [one if one["optimizer"] == "sgd" else {k: v for k, v in one.items() if "." not in k} for one in found]


def test_the_parameter_that_makes_the_score_is_first() -> None:
    configurations = drawn(200)
    scores = [(np.log10(one["learning_rate"]) + 2.0) ** 2 + 0.3 * (one["optimizer"] == "sgd") for one in configurations]
    found = importances(SPACE, configurations, scores)
    assert found is not None
    assert next(iter(found)) == "learning_rate"
    assert found["learning_rate"] > 0.7
    assert found["dropout"] < 0.05


def test_one_that_diverged_does_not_hide_the_others() -> None:
    configurations = drawn(60)
    scores = [one["dropout"] for one in configurations]
    scores[7] = 1e30
    found = importances(SPACE, configurations, scores)
    assert found is not None
    assert found["dropout"] > 0.7


def test_of_a_choice_it_is_epsilon_squared_of_kruskal_and_wallis() -> None:
    configurations = drawn(40)
    scores = [one["dropout"] + 0.5 * (one["optimizer"] == "sgd") for one in configurations]
    by_choice = [
        [score for one, score in zip(configurations, scores, strict=True) if one["optimizer"] == name]
        for name in ("sgd", "adam")
    ]
    h = stats.kruskal(*by_choice).statistic
    expected = (h - 2 + 1) / (40 - 2)
    found = importances({"optimizer": SPACE["optimizer"]}, configurations, scores)
    assert found is not None
    assert found["optimizer"] == pytest.approx(expected)


def test_a_parameter_has_no_share_in_what_its_condition_does() -> None:
    configurations = drawn(200)
    found = importances(SPACE, configurations, [float(one["optimizer"] == "sgd") for one in configurations])
    assert found is not None
    assert found["optimizer"] == pytest.approx(1.0)
    assert found["optimizer.momentum"] == 0.0
    of_sgd = [one for one in configurations if one["optimizer"] == "sgd"]
    adams = [one for one in configurations if one["optimizer"] == "adam"]
    few = importances(SPACE, [*of_sgd[:7], *adams], [float(at) for at in range(7 + len(adams))])
    assert few is not None
    assert "optimizer.momentum" not in few


def test_few_configurations_and_equal_scores_say_nothing() -> None:
    assert importances(SPACE, drawn(7), [0.1] * 7) is None
    assert importances(SPACE, drawn(20), [0.5] * 20) == dict.fromkeys(SPACE, 0.0)
