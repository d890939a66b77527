import io
import math
import re
from pathlib import Path

import pytest

from spec import specfile
from spec.specfile import BadSpecFileError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("-2e+1", -20.0),
        ("1.5e3", 1500.0),
        ("0.5", 0.5),
        ("32", 32),
        ("true", True),
        ("null", None),
        ("none", "none"),
        ("no", "no"),
        ("off", "off"),
        ("full", "full"),
        ("2026-11-29", "2026-11-29"),
        ("[64, 32]", [64, 32]),
        ("010", 10),
        ("1_000", 1000),
        ("-0x1F", -31),
        ("0o17", 15),
        ("-.5", -0.5),
        (".inf", math.inf),
        ("12:30", "12:30"),
        ("1:12:30.5", "1:12:30.5"),
        ("[064, 032]", [64, 32]),
        ("[NaN, 1]", ["NaN", 1]),
        ('{\n\t"seed": 1\n}', {"seed": 1}),
        (r'{"name": "\ud83d\ude80"}', {"name": "\U0001f680"}),
        ("a: &a {seed: 1}\nb: {<<: *a, seed: 2}", {"a": {"seed": 1}, "b": {"seed": 2}}),
        ('{"type": "sgd", "momentum": 9e-1}', {"type": "sgd", "momentum": 0.9}),
    ],
)
def test_values_mean_what_they_say(text: str, value: object) -> None:
    assert specfile.value(text, "x") == value
    assert type(specfile.value(text, "x")) is type(value)


@pytest.mark.parametrize(
    ("text", "specs", "several"),
    [
        ("dataset: xor\nepochs: 3", [{"dataset": "xor", "epochs": 3}], False),
        ('{"dataset": "xor"}', [{"dataset": "xor"}], False),
        ("- {dataset: xor}\n- {dataset: iris}", [{"dataset": "xor"}, {"dataset": "iris"}], True),
        ("jobs:\n- dataset: xor", [{"dataset": "xor"}], True),
    ],
)
def test_a_file_holds_one_spec_or_several(
    tmp_path: Path, text: str, specs: list[dict[str, object]], several: bool
) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    assert specfile.read(str(file)) == (specs, several)


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("dataset: xor"))
    assert specfile.read("-") == ([{"dataset": "xor"}], False)


@pytest.mark.parametrize("text", ["", "just words", "[]", "jobs: []", "- 1\n- 2", "a: [", "a: 1\n b: 2"])
def test_what_is_no_spec_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(BadSpecFileError, match=r"wrong\.yaml"):
        specfile.read(str(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs: 3\ndataset: xor\nepochs: 4", "epochs is given twice in line 3."),
        ("jobs:\n- {seed: 1, seed: 2}", "seed is given twice in line 2."),
        ('{"epochs": 3,\n\t"epochs": 4}', "epochs is given twice."),
        ("dataset: xor\n---\ndataset: iris", "has 2 documents (---): write a list of specs, or jobs: [...]."),
        ("epochs: " + "1" * 5000, "Exceeds the limit"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadSpecFileError, match=rf"^x\.yaml .*{re.escape(said)}"):
        specfile.value(text, "x.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSpecFileError, match=r"Cannot read .*nowhere\.yaml: No such file"):
        specfile.read(str(tmp_path / "nowhere.yaml"))


def test_a_python_object_in_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text("dataset: !!python/object/apply:os.getcwd []")
    with pytest.raises(BadSpecFileError):
        specfile.read(str(file))


def test_mappings_may_be_merged_more_than_once() -> None:
    text = "a: &a {seed: 1}\nb: &b {epochs: 2}\nc:\n  <<: *a\n  <<: *b"
    assert specfile.value(text, "x.yaml")["c"] == {"seed": 1, "epochs": 2}
