from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from spec.mlflow_address import MlflowAddress
from spec.settings import BadSettingsError, Settings, hosts


def test_an_empty_environment_is_the_embedded_stack_in_its_home(tmp_path: Path) -> None:
    settings = Settings.read({"EPOCHAL_HOME": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/epochal.db"
    assert settings.files_url == f"file://{tmp_path}/files"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_a_home_may_have_characters_that_mean_something_in_a_url(tmp_path: Path) -> None:
    home = tmp_path / "a #1 50%25?x"
    settings = Settings.read({"EPOCHAL_HOME": str(home)})
    assert make_url(settings.database_url).database == str(home / "epochal.db")
    assert settings.database_file == home / "epochal.db"


def test_only_a_record_of_sqlite_is_a_file() -> None:
    assert Settings.read({"EPOCHAL_DATABASE_URL": "sqlite:///lab.db?timeout=9"}).database_file == Path("lab.db")
    assert Settings.read({"EPOCHAL_DATABASE_URL": "postgresql+psycopg://lab/epochal"}).database_file is None


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(BadSettingsError, match=r"EPOCHAL_PROT.*EPOCHAL_PORT"):
        Settings.read({"EPOCHAL_PROT": "1"})


def test_a_bad_value_names_its_variable() -> None:
    with pytest.raises(BadSettingsError, match="EPOCHAL_PORT"):
        Settings.read({"EPOCHAL_PORT": "http"})
    with pytest.raises(BadSettingsError, match="EPOCHAL_OWNER_QUEUED_LIMIT must be at most 2147483647"):
        Settings.read({"EPOCHAL_OWNER_QUEUED_LIMIT": str(2**31)})


def test_networks_of_proxies_are_checked() -> None:
    assert Settings.read({"EPOCHAL_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}).trusted_proxies == "10.0.0.0/8, ::1"
    with pytest.raises(BadSettingsError, match="EPOCHAL_TRUSTED_PROXIES"):
        Settings.read({"EPOCHAL_TRUSTED_PROXIES": "nginx"})


def test_names_of_hosts_are_read_as_requests_have_them() -> None:
    given = "api,, lab.example.org ,fd00::1,[fd00::2],.example.net"
    assert Settings.read({"EPOCHAL_TRUSTED_HOSTS": given}).trusted_hosts == given
    assert hosts(given) == [".example.net", "[fd00::1]", "[fd00::2]", "api", "lab.example.org"]
    for bad in ("https://lab.example.org", "lab:8000", "a/b", "[::1]:8000"):
        with pytest.raises(BadSettingsError, match="EPOCHAL_TRUSTED_HOSTS must be names of hosts, without"):
            Settings.read({"EPOCHAL_TRUSTED_HOSTS": bad})


def test_links_lead_to_mlflow_behind_our_page_unless_it_has_an_address_of_its_own() -> None:
    assert Settings.read({"EPOCHAL_MLFLOW_URL": "http://mlflow:5000"}).mlflow_public_url == ""
    public = {"EPOCHAL_PUBLIC_URL": "https://epochal.example.org/"}
    assert Settings.read(public).mlflow_public_url == "https://epochal.example.org/mlflow"
    outside = {**public, "EPOCHAL_MLFLOW_PUBLIC_URL": "https://curves.example.org"}
    assert Settings.read(outside).mlflow_public_url == "https://curves.example.org"


def test_the_page_is_not_below_a_path() -> None:
    with pytest.raises(BadSettingsError, match=r"^EPOCHAL_PUBLIC_URL must have no path: the page works at the root"):
        Settings.read({"EPOCHAL_PUBLIC_URL": "https://lab.example.org/epochal"})


@pytest.mark.parametrize(
    ("setting", "url", "socket"),
    [
        ("http://mlflow:5000/", "http://mlflow:5000", None),
        ("unix:///run/epochal/mlflow.sock", "http://localhost", "/run/epochal/mlflow.sock"),
    ],
)
def test_mlflow_is_reached_at_a_url_or_at_a_socket(setting: str, url: str, socket: str | None) -> None:
    assert MlflowAddress.of(setting) == MlflowAddress(url, socket)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("rediss://lab:6379/0", "rediss://lab:6379/0?ssl_cert_reqs=required"),
        ("rediss://lab/0?ssl_ca_certs=/ca.pem", "rediss://lab/0?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required"),
        ("rediss://lab/0?ssl_cert_reqs=none", "rediss://lab/0?ssl_cert_reqs=none"),
        ("redis://lab/0", "redis://lab/0"),
    ],
)
def test_the_certificate_of_a_broker_is_checked_unless_its_address_says_not_to(url: str, read: str) -> None:
    assert Settings.read({"EPOCHAL_BROKER_URL": url}).broker_url == read


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgres://lab:secret@lab/epochal"),
        ("DATABASE_URL", "postgresql+psycopg2://lab:secret@lab/epochal"),
        ("BROKER_URL", "valkey://:secret@lab:6379/0"),
        ("MLFLOW_URL", "mlflow:5000/secret"),
    ],
)
def test_an_address_of_another_kind_is_refused_and_not_repeated(name: str, url: str) -> None:
    with pytest.raises(BadSettingsError, match=f"EPOCHAL_{name} must begin with ") as refused:
        Settings.read({f"EPOCHAL_{name}": url})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("password", ["p@secret", "p/secret", "p#secret", "p?secret", "p[secret", "p:secret@x"])
@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "redis", "amqp"])
def test_an_address_whose_password_ends_too_early_is_refused_and_not_repeated(scheme: str, password: str) -> None:
    name = "EPOCHAL_DATABASE_URL" if "sql" in scheme else "EPOCHAL_BROKER_URL"
    with pytest.raises(BadSettingsError, match=f"{name} must be SCHEME://.* %40 ") as refused:
        Settings.read({name: f"{scheme}://lab:{password}@lab:1234/0"})
    assert "secret" not in str(refused.value)
    Settings.read({name: f"{scheme}://lab:{quote(password, safe='')}@[::1]:1234/0?x=a@b"})


def test_brokers_that_stand_in_for_each_other_are_addresses() -> None:
    Settings.read({"EPOCHAL_BROKER_URL": "amqp://lab:s@a:5672//;amqp://lab:s@b:5672//"})


def test_only_what_is_handed_in_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", "sqlite:///elsewhere.db")
    assert "elsewhere" not in Settings.read({}).database_url
