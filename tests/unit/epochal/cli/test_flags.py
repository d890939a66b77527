import inspect
import re
from typing import Any

import pytest

from epochal.cli.datasets import upload
from epochal.cli.flags import Flag, flags, overlay, with_flags
from epochal.errors import BadFileError, BadSpecError
from spec.field_error import FieldError
from spec.job import JobSpec
from spec.reading import ReadingOptions

FLAGS = {flag.name: flag for flag in flags()}


def spec_of(**given: list[str] | bool) -> dict[str, Any]:
    chosen: dict[Flag, Any] = {}
    for name, value in given.items():
        flag = FLAGS[name.replace("_", "-")]
        chosen[flag] = flag.read(value)
    return overlay({}, chosen)


def test_every_field_of_the_spec_has_a_flag() -> None:
    assert {flag.path[0] for flag in flags() if len(flag.path) == 1} == set(JobSpec.model_fields)


def test_every_way_to_read_a_file_has_a_flag() -> None:
    assert set(ReadingOptions.model_fields) <= set(inspect.signature(upload).parameters)


def test_flag_names_are_unique() -> None:
    names = [flag.name for flag in flags()]
    assert len(names) == len(set(names))


def test_a_repeated_flag_makes_a_list() -> None:
    assert spec_of(hidden=["64", "32"]) == {"architecture": {"type": "mlp", "hidden": [64, 32]}}


@pytest.mark.parametrize("given", [["64"], ["[64]"]])
def test_a_list_field_is_a_list_even_when_given_once(given: list[str]) -> None:
    assert spec_of(hidden=given) == {"architecture": {"type": "mlp", "hidden": [64]}}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("balanced", "balanced"),
        ("{setosa: 2, virginica: 0.5}", {"setosa": 2.0, "virginica": 0.5}),
        ('{"setosa": 3}', {"setosa": 3.0}),
    ],
)
def test_class_weights_are_a_word_or_a_map(given: str, wanted: Any) -> None:
    made = spec_of(dataset=["iris"], class_weight=[given])
    assert JobSpec.model_validate(made).class_weight == wanted


@pytest.mark.parametrize("given", [["64,32"], ["64", "32"], ["[64, 32]"], ["64, 32"]])
def test_a_list_may_have_commas_repeated_flags_or_brackets(given: list[str]) -> None:
    assert spec_of(hidden=given) == {"architecture": {"type": "mlp", "hidden": [64, 32]}}


def test_a_field_that_takes_one_or_several_values_takes_commas_too() -> None:
    assert spec_of(dropout=["0.5,0.2"], activation=["relu,tanh"]) == {
        "dropout": [0.5, 0.2],
        "activation": ["relu", "tanh"],
    }
    assert spec_of(dataset=["{name: xor, n: 8}"]) == {"dataset": {"name": "xor", "n": 8}}


@pytest.mark.parametrize(("given", "meant"), [("0,01", "0.01"), ("1,05", "1.05"), ("1,000", "1000")])
def test_a_number_with_a_comma_of_its_own_is_not_several(given: str, meant: str) -> None:
    with pytest.raises(BadFileError, match=f"^--weight-decay {given}: write it as {re.escape(meant)}; commas"):
        spec_of(weight_decay=[given])


@pytest.mark.parametrize("given", ["0,1", "64,32", "5,0", "0.1,0.01", "[0, 01]"])
def test_commas_between_values_are_read_as_before(given: str) -> None:
    assert len(spec_of(weight_decay=[given])["weight_decay"]) == 2


def test_a_name_may_have_commas() -> None:
    assert spec_of(name=["a, b"]) == {"name": "a, b"}


def test_a_flag_may_have_a_short_name() -> None:
    assert FLAGS["learning-rate"].names == ("--learning-rate", "--lr")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("learning_rate", "learning_rate (--learning-rate or --lr)"),
        ("jobs.3.architecture.hidden.0", "jobs.3.architecture.hidden.0 (--hidden)"),
        ("optimizer.type", "optimizer.type (--optimizer)"),
        ("schedule.patience", "schedule.patience (--schedule-patience)"),
        ("restore_best", "restore_best (--restore-best/--no-restore-best)"),
        ("no_field", "no_field"),
    ],
)
def test_errors_name_the_flag_of_a_field(path: str, named: str) -> None:
    error = with_flags(BadSpecError("No.", errors=[FieldError(path=path, message="is wrong")]))
    assert str(error) == f"No.\n  {named}: is wrong"


def test_a_part_s_field_joins_the_part_s_kind() -> None:
    assert spec_of(momentum=["0.9"], optimizer=["sgd"]) == {"optimizer": {"type": "sgd", "momentum": 0.9}}
    assert spec_of(dataset=["spirals"], noise=["0.2"]) == {"dataset": {"name": "spirals", "noise": 0.2}}


def test_a_name_that_two_parts_share_carries_its_part() -> None:
    assert spec_of(patience=["3"]) == {"patience": 3}
    assert spec_of(schedule=["plateau"], schedule_patience=["3"]) == {"schedule": {"type": "plateau", "patience": 3}}


def test_a_name_is_text_even_when_it_looks_like_a_number() -> None:
    assert spec_of(name=["7"]) == {"name": "7"}


def test_tags_are_pairs() -> None:
    assert spec_of(tags=["course=intro", "try=2"]) == {"tags": {"course": "intro", "try": "2"}}
    with pytest.raises(BadFileError, match="KEY=VALUE"):
        spec_of(tags=["course"])


def test_flags_take_the_place_of_a_file_s_values() -> None:
    file = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [8], "bias": False}, "seed": 1}
    chosen = {FLAGS["seed"]: 2, FLAGS["hidden"]: [4]}
    assert overlay(file, chosen) == {
        "dataset": "digits",
        "architecture": {"type": "mlp", "hidden": [4], "bias": False},
        "seed": 2,
    }
    assert file["seed"] == 1


def test_what_flags_make_is_a_spec() -> None:
    made = spec_of(
        dataset=["digits"],
        hidden=["64", "32"],
        dropout=["0.5"],
        optimizer=["sgd"],
        nesterov=True,
        momentum=["0.9"],
        learning_rate=["1e-2"],
        batch_size=["full"],
        device=["cpu"],
        bias=False,
        monitor=["null"],
    )
    spec = JobSpec.model_validate(made)
    assert spec.learning_rate == 0.01
    assert spec.resources.device == "cpu"
    assert spec.architecture.bias is False
    assert spec.batch_size == "full"
