import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from spec.job import JobSpec
from trainer.__main__ import main, named

SPECS = """
- {name: one, dataset: iris, epochs: 3, patience: 2}
- {name: two, dataset: iris, epochs: 3, seed: 1}
- {name: three, dataset: xor, epochs: 2, loss: binary_cross_entropy, class_weight: {0: 2, 1: 0.5}}
"""


def test_files_become_curves_pictures_and_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "specs.yaml").write_text(SPECS)
    assert main([str(tmp_path / "specs.yaml"), "--out", str(tmp_path / "out")]) == 0
    for name in ("one", "two", "three"):
        folder = tmp_path / "out" / name
        assert json.loads((folder / "curve.json").read_text())["epoch"][0] == 1
        for picture in ("curves.png", "confusion.png", "roc.png"):
            assert (folder / picture).read_bytes().startswith(b"\x89PNG")
        assert "layers.0.weight" in load_file(folder / "model.safetensors")
        assert JobSpec.model_validate_json((folder / "spec.json").read_text()).name == name
    assert "max epochs" in capsys.readouterr().out


def test_a_bad_spec_is_told_with_its_file_and_its_field(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("{dataset: digits, learning_rate: fast}")
    with pytest.raises(SystemExit, match=r"bad\.yaml: learning_rate: must be a number"):
        main([str(tmp_path / "bad.yaml")])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must hold one spec"),
        (b"[]", "must hold one spec"),
        (b"\xff\xfe\x80", "not UTF-8"),
        (b"3", "must hold one spec"),
    ],
)
def test_a_file_without_a_spec_is_reported(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "odd.yaml").write_bytes(content)
    with pytest.raises(SystemExit, match=rf"odd\.yaml.* {said}"):
        main([str(tmp_path / "odd.yaml")])


def test_the_files_are_those_that_the_service_takes(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: [{dataset: iris, learning_rate: 1e-3}, {dataset: xor, optimizer: sgd}]")
    first, second = named([tmp_path / "jobs.yaml"])
    assert (first.spec.learning_rate, second.id) == (0.001, "jobs-2")


def test_every_job_has_a_folder_of_its_own_inside_the_given_one(tmp_path: Path) -> None:
    names = ["a-2", "a", "a", "..", "../up", "two words", "a"]
    (tmp_path / "many.json").write_text(json.dumps([{"name": name, "dataset": "iris"} for name in names]))
    ids = [entry.id for entry in named([tmp_path / "many.json"])]
    assert ids == ["a-2", "a", "a-3", "job", "up", "two-words", "a-4"]


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"none\.yaml: No such file"):
        main([str(tmp_path / "none.yaml")])


def test_the_exit_status_says_whether_all_succeeded(tmp_path: Path) -> None:
    wild = {"dataset": "diabetes", "loss": "mse", "optimizer": "sgd", "learning_rate": 1000.0, "standardize": False}
    (tmp_path / "wild.json").write_text(json.dumps(wild))
    assert main([str(tmp_path / "wild.json"), "--out", str(tmp_path / "out")]) == 1


def test_a_loss_that_broke_is_null_in_the_curve_and_a_gap_in_the_picture(tmp_path: Path) -> None:
    (tmp_path / "wild.yaml").write_text(
        "{dataset: diabetes, loss: mse, optimizer: sgd, learning_rate: 1000, epochs: 9}"
    )
    assert main([str(tmp_path / "wild.yaml"), "--out", str(tmp_path)]) == 1
    curve = json.loads((tmp_path / "wild" / "curve.json").read_text())
    assert curve["train_loss"][-1] is None
    assert (tmp_path / "wild" / "curves.png").read_bytes().startswith(b"\x89PNG")
