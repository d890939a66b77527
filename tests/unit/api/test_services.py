from pathlib import Path

import pytest
from flask import Flask

import api
from api.services import provide, service


class Doorbell:
    """A service."""


def test_a_view_finds_a_service_of_its_own_application_by_type() -> None:
    one, other = Flask("one"), Flask("other")
    doorbell = Doorbell()
    provide(one, doorbell, "a name")
    provide(other, Doorbell())
    with one.app_context():
        assert service(Doorbell) is doorbell
        assert service(str) == "a name"


def test_a_service_that_nobody_provided_is_an_error() -> None:
    app = Flask("app")
    provide(app, "a name")
    with app.app_context(), pytest.raises(KeyError):
        service(Doorbell)


def test_only_one_module_asks_flask_for_the_application() -> None:
    folder = Path(api.__file__).parent
    assert [path.name for path in folder.glob("*.py") if "current_app" in path.read_text()] == ["services.py"]
