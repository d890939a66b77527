import pytest

from spec.mlflow_address import MlflowAddress


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("http://mlflow:5000/", "http://mlflow:5000"),
        ("https://ada:secret@mlflow.example/base", "https://mlflow.example/base"),
        ("https://ada:se@cret@mlflow.example:5000", "https://mlflow.example:5000"),
        ("unix:///run/mlflow.sock", "unix:///run/mlflow.sock"),
    ],
)
def test_a_log_gets_the_address_without_a_password(setting: str, shown: str) -> None:
    assert MlflowAddress.of(setting).without_password == shown
