import io
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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSpecFileError, match=r"Cannot read .*nowhere\.yaml: No such file"):
        specfile.read(str(tmp_path / "nowhere.yaml"))


def test_a_python_object_in_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text("dataset: !!python/object/apply:os.getcwd []")
    with pytest.raises(BadSpecFileError):
        specfile.read(str(file))
