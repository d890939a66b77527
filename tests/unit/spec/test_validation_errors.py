import json
import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.usage import UsageQuery
from spec.job import JobSpec
from spec.meant import OTHERS
from spec.sweep import SweepSpec
from spec.validation_errors import MOST, SHOWN, sentences
from spec.views import Bulk
from spec.webhooks import NewWebhook

XOR: dict[str, Any] = {"dataset": "xor"}


def messages_of(body: Any, model: type[BaseModel] = JobSpec) -> dict[str, str]:
    """What is said of a body, by path."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    faults = sentences(caught.value, body)
    assert len({fault.path for fault in faults}) == len(faults)
    return {fault.path: fault.message for fault in faults}


def test_a_value_out_of_bounds_is_repeated() -> None:
    assert messages_of(XOR | {"epochs": 0}) == {"epochs": "must be at least 1; it is 0"}


def test_all_faults_are_told_together() -> None:
    assert list(messages_of({"epochs": 0, "seed": -1, "l1": "x"})) == ["dataset", "l1", "epochs", "seed"]


def test_a_text_of_another_form_is_told_the_form() -> None:
    assert messages_of({"dataset": "ds_1"})["dataset"].startswith("must be an id of a data set")
    assert messages_of({"by": "week"}, UsageQuery)["by"] == "must be user, project or tag:KEY; it is 'week'"
    assert messages_of({"url": "example.org"}, NewWebhook)["url"].startswith("must be an address that begins with")


def test_a_word_for_nothing_is_null_where_there_may_be_nothing() -> None:
    told = messages_of(XOR | {"patience": "None", "epochs": "none", "monitor": "none"})
    assert told["patience"] == "must be a whole number; it is the text 'None': write null"
    assert told["monitor"].endswith("; it is the text 'none': write null")
    assert told["epochs"] == "must be a whole number; it is 'none'"


@pytest.mark.parametrize(
    ("parameter", "field", "message"),
    [
        ({"log_uniform": [0.1, 1.0], "step": 0.1}, "step", "is not a field here"),
        ({"integers": [1, 9], "step": 0}, "step", "must be at least 1; it is 0"),
        ({"uniform": [0.1, 1.0], "when": 3}, "when", "must be an object; it is 3"),
        ({"uniform": [0.1, "x"]}, "uniform.1", "must be a number; it is 'x'"),
    ],
)
def test_a_field_beside_the_one_that_names_the_kind_is_named(
    parameter: dict[str, Any], field: str, message: str
) -> None:
    body = {"base": XOR, "space": {"learning_rate": parameter}}
    assert messages_of(body, SweepSpec) == {f"space.learning_rate.{field}": message}


def test_what_is_missing() -> None:
    assert messages_of({}) == {"dataset": "is missing"}
    assert messages_of(XOR | {"optimizer": {"momentum": 0.9}}) == {"optimizer": "needs a type"}


@pytest.mark.parametrize("body", [None, [], 1, "xor"])
def test_a_body_that_is_no_object(body: object) -> None:
    assert messages_of(body)[""].startswith("must be an object")


@pytest.mark.parametrize(
    ("body", "path", "meant"),
    [
        ({"learning_rte": 1}, "learning_rte", "learning_rate"),
        ({"optimizer": {"type": "sgd", "momentun": 0.9}}, "optimizer.momentun", "momentum"),
        ({"dataset": {"name": "xor", "noize": 0}}, "dataset.noize", "noise"),
        ({"optimizer": "adamm"}, "optimizer", "adam"),
        ({"optimizer": {"type": "rmspropp"}}, "optimizer.type", "rmsprop"),
        ({"dataset": "iriss"}, "dataset", "iris"),
        ({"activation": "rellu"}, "activation", "relu"),
        ({"activation": ["relu", "tanhh"]}, "activation.1", "tanh"),
        ({"batch_size": "ful"}, "batch_size", "full"),
        ({"resources": {"device": "cud"}}, "resources.device", "cuda"),
        ({"lr": 0.1}, "lr", "learning_rate"),
        ({"batchSize": 8}, "batchSize", "batch_size"),
        ({"n_epochs": 8}, "n_epochs", "epochs"),
        ({"hidden_layer_sizes": [8]}, "hidden_layer_sizes", "architecture.hidden"),
        ({"momentum": 0.9}, "momentum", "optimizer.momentum"),
        (
            {"optimizer": {"type": "adam", "betas": [0.9, 0.99]}},
            "optimizer.betas",
            "optimizer.beta1 and optimizer.beta2",
        ),
        ({"optimizer": {"type": "adam", "lr": 0.1}}, "optimizer.lr", "learning_rate, beside optimizer"),
        ({"architecture": {"type": "mlp", "dropout": 0.1}}, "architecture.dropout", "dropout, beside architecture"),
        ({"optimizer": "SGD"}, "optimizer", "sgd"),
        ({"loss": "BCEWithLogitsLoss"}, "loss", "binary_cross_entropy"),
        ({"loss": "l1"}, "loss", "mae"),
        ({"activation": "swish"}, "activation", "silu"),
        ({"schedule": "CosineAnnealingLR"}, "schedule", "cosine"),
    ],
)
def test_what_may_have_been_meant(body: dict[str, Any], path: str, meant: str) -> None:
    assert messages_of(XOR | body)[path].endswith(f"did you mean {meant}?")


@pytest.mark.parametrize("name", ["zzz", "fence", "owner_id", "epoch" * 1000, ""])
def test_nothing_is_guessed_at_random(name: str) -> None:
    assert messages_of(XOR | {name: 1})[name] == "is not a field here"


@pytest.mark.parametrize(
    ("fields", "path", "meant"),
    [
        ({"n_trials": 8}, "n_trials", "trials"),
        ({"pruner": "hyperband"}, "pruner", "halving"),
        ({"halving": {"type": "hyperband", "eta": 3}}, "halving.eta", "factor"),
        ({"maxTrialCount": 8}, "maxTrialCount", "trials"),
        ({"executions_per_trial": 3}, "executions_per_trial", "seeds"),
        ({"sampler": "tpe"}, "sampler", "method"),
        ({"trials": {"minutes": 5}}, "trials.minutes", "seconds"),
        ({"space": {"dropout": {"choice": [0.1], "conditions": {}}}}, "space.dropout.conditions", "when"),
        ({"dataset": "iris"}, "dataset", "base.dataset"),
        ({"lr": 0.1}, "lr", "base.learning_rate"),
        ({"halving": "ASHA"}, "halving", "successive"),
        ({"method": "bayesian"}, "method", "tpe"),
        ({"space": {"lr": [0.1, 0.2]}}, "space.lr", "learning_rate"),
        ({"base": XOR | {"lr": 0.1}}, "base.lr", "learning_rate"),
    ],
)
def test_what_may_have_been_meant_in_a_sweep(fields: dict[str, Any], path: str, meant: str) -> None:
    body = {"base": XOR, "space": {"learning_rate": [0.1, 0.2]}} | fields
    assert messages_of(body, SweepSpec)[path].endswith(f"did you mean {meant}?")


@pytest.mark.parametrize("name", ["direction", "mode", "metric"])
def test_who_gives_a_direction_learns_that_the_objective_has_one(name: str) -> None:
    body = {"base": XOR, "space": {"learning_rate": [0.1, 0.2]}, name: "maximize"}
    assert messages_of(body, SweepSpec)[name].endswith("did you mean objective? The direction of a metric is known.")


@pytest.mark.parametrize(
    ("others", "end"),
    [
        ({"values": [16, 32]}, "; did you mean [16, 32]?"),
        ({"value": 16}, "; a field with one value belongs in base"),
        ({"min": 8, "max": 64}, "; did you mean {integers: [8, 64]}?"),
        ({"type": "int", "low": 8, "high": 64, "log": True}, "; did you mean {integers: [8, 64], log: true}?"),
        (
            {"distribution": "q_uniform", "min": 0, "max": 0.5, "q": 0.1},
            "; did you mean {uniform: [0, 0.5], step: 0.1}?",
        ),
        ({"distribution": "log_uniform_values", "min": 0.1, "max": 1}, "; did you mean {log_uniform: [0.1, 1]}?"),
        ({"min_value": 0.1, "max_value": 1.0, "sampling": "log"}, "; did you mean {log_uniform: [0.1, 1.0]}?"),
        ({"loguniform": [0.1, 1.0]}, "; did you mean {log_uniform: [0.1, 1.0]}?"),
        ({"normal": [0, 1]}, "{integers: [a, b]}"),
    ],
)
def test_a_parameter_as_others_write_it_is_answered_with_ours(others: dict[str, Any], end: str) -> None:
    said = messages_of({"base": XOR, "space": {"learning_rate": others}}, SweepSpec)["space.learning_rate"]
    assert said.startswith("must be a list of values, or one of")
    assert said.endswith(end)


def test_a_halving_is_no_method() -> None:
    body = {"base": XOR, "space": {"learning_rate": [0.1, 0.2]}, "method": "hyperband"}
    assert messages_of(body, SweepSpec)["method"].endswith("what stops weak ones is halving: hyperband")


def test_what_others_call_our_fields_and_values_leads_to_fields_and_values() -> None:
    known = json.dumps([JobSpec.model_json_schema(), SweepSpec.model_json_schema()])
    for name in OTHERS:
        for word in re.split(r"[. ]|and ", name):
            assert f'"{word}"' in known or not word, name


def test_a_wrong_number_is_not_a_misspelt_word() -> None:
    assert messages_of(XOR | {"learning_rate": "a"}) == {"learning_rate": "must be a number; it is 'a'"}
    assert "as in 1.0e-3" in messages_of(XOR | {"learning_rate": "1e-9"})["learning_rate"]


def test_the_branches_of_a_union_are_one_sentence() -> None:
    assert messages_of(XOR | {"batch_size": True}) == {
        "batch_size": "must be a whole number or must be full; it is true"
    }
    assert messages_of(XOR | {"dropout": 1.5}) == {"dropout": "must be less than 1.0 or must be a list; it is 1.5"}


def test_of_a_union_the_branch_that_fits_best_speaks() -> None:
    assert list(messages_of(XOR | {"dropout": [0.1, 2.0]})) == ["dropout.1"]
    assert list(messages_of(XOR | {"initial_weights": [[["a"]]]})) == ["initial_weights.0.0.0"]


def test_names_of_branches_are_in_no_path() -> None:
    body = {"dataset": {"name": "spirals", "n": 1}, "optimizer": {"type": "adam", "eps": 0}}
    assert list(messages_of(body)) == ["dataset.n", "optimizer.eps"]


def test_a_rule_between_fields_speaks_of_the_field_to_change() -> None:
    assert messages_of(XOR | {"batch_size": 401}) == {
        "batch_size": 'must be at most 320, the rows of the training split, or "full"'
    }


def test_in_a_bulk_paths_say_which_job() -> None:
    assert messages_of({"jobs": [XOR, XOR | {"epochs": 0}]}, Bulk) == {"jobs.1.epochs": "must be at least 1; it is 0"}
    rule = messages_of({"jobs": [XOR, XOR, XOR | {"optimizer": {"type": "sgd", "nesterov": True}}]}, Bulk)
    assert rule == {"jobs.2.optimizer.nesterov": "needs momentum greater than 0"}


@pytest.mark.parametrize(("text", "shown"), [("NaN", "NaN"), ("Infinity", "Infinity"), ("1e999", "Infinity")])
def test_numbers_that_are_none(text: str, shown: str) -> None:
    body = json.loads(f'{{"dataset": "xor", "learning_rate": {text}}}')
    assert messages_of(body) == {"learning_rate": f"must be a finite number; it is {shown}"}


def test_long_values_are_cut() -> None:
    message = messages_of(XOR | {"name": "x" * 10_000})["name"]
    assert len(message) < SHOWN + 60
    assert message.endswith("...")
    assert len(messages_of(XOR | {"seed": 10**4000})["seed"]) < SHOWN + 60


def test_an_invalid_key_is_named_as_a_key() -> None:
    assert messages_of(XOR | {"tags": {"a b": "v"}}) == {
        "tags.a b": "has characters that are not allowed here: 1 to 100 letters of A to Z, digits and . _ - / are, "
        "a letter or a digit first, as a key"
    }


def test_half_characters_are_told_whole() -> None:
    assert messages_of(XOR | {"name": "\ud800"}) == {"name": "is not valid Unicode text; it is '\\ud800'"}
    for path, message in messages_of(XOR | {"tags": {"\ud800": "v"}}).items():
        assert (path + message).encode()


def test_of_very_many_faults_some_are_told() -> None:
    assert len(messages_of(XOR | {f"field{number}": 1 for number in range(5000)})) == MOST


def test_of_a_million_wrong_numbers_the_first_is_told() -> None:
    body = {"dataset": {"x": [["a"] * 1000] * 1000, "y": ["b"] * 1000}}
    assert list(messages_of(body)) == ["dataset.x.0.0", "dataset.y.0"]
