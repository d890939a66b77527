from pathlib import Path

import pytest

from spec.settings import BadSettingsError, Settings


def test_an_empty_environment_is_the_embedded_stack_in_its_home(tmp_path: Path) -> None:
    settings = Settings.read({"EPOCHAL_HOME": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/epochal.db"
    assert settings.files_url == f"file://{tmp_path}/files"
    assert (settings.host, settings.port, settings.mlflow_port) == ("127.0.0.1", 8000, 5000)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(BadSettingsError, match=r"EPOCHAL_PROT.*EPOCHAL_PORT"):
        Settings.read({"EPOCHAL_PROT": "1"})


def test_a_bad_value_names_its_variable() -> None:
    with pytest.raises(BadSettingsError, match="EPOCHAL_PORT"):
        Settings.read({"EPOCHAL_PORT": "http"})


def test_links_use_mlflow_itself_unless_it_has_a_public_address() -> None:
    inside = {"EPOCHAL_MLFLOW_URL": "http://mlflow:5000"}
    assert Settings.read(inside).mlflow_public_url == "http://mlflow:5000"
    outside = {**inside, "EPOCHAL_MLFLOW_PUBLIC_URL": "https://curves.example.org"}
    assert Settings.read(outside).mlflow_public_url == "https://curves.example.org"


def test_only_what_is_handed_in_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", "sqlite:///elsewhere.db")
    assert "elsewhere" not in Settings.read({}).database_url
