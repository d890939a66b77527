import pytest
from flask import Flask

from api import host_names
from spec.settings import Settings


@pytest.mark.parametrize(
    ("name", "is_trusted"),
    [
        ("xn--mller-kva.example", True),  # müller.example, as browsers send it
        ("lab.xn--mller-kva.example:8000", False),
        ("api.group.example", True),
        ("group.example", True),
        ("agroup.example", False),
        ("[::1]:8000", True),
    ],
)
def test_names_of_the_setting_are_trusted_as_requests_have_them(name: str, *, is_trusted: bool) -> None:
    app = Flask("names")
    host_names.install(app, Settings.read({"EPOCHAL_TRUSTED_HOSTS": "müller.example,.Group.example"}))
    app.add_url_rule("/", view_func=lambda: "here")
    assert (app.test_client().get("/", headers={"Host": name}).status_code == 200) is is_trusted
