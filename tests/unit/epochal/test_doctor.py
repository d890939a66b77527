"""What `epochal doctor` says of settings."""

import pytest

from epochal.doctor import settings_of
from spec.findings import Health


def test_a_setting_that_is_typed_wrong_is_named_with_the_one_that_was_meant() -> None:
    given = {"EPOCHAL_QUEU_LIMIT": "3", "EPOCHAL_ZZZ": "", "EPOCHAL_PORT": "x", "EPOCHAL_LEASE_S": "0", "HOME": "/h"}
    settings, good, found = settings_of(given | {"EPOCHAL_LOG_LEVEL": "DEBUG"})
    assert (settings.port, settings.lease_s, settings.log_level) == (8000, 30.0, "DEBUG")
    assert good == {"HOME": "/h", "EPOCHAL_LOG_LEVEL": "DEBUG"}
    assert {one.health for one in found} == {Health.wrong}
    said = {one.says.split()[0]: one.fix for one in found}
    assert said["EPOCHAL_QUEU_LIMIT"] == "Did you mean EPOCHAL_QUEUE_LIMIT?"
    assert "lists all settings" in said["EPOCHAL_ZZZ"]
    assert said["EPOCHAL_PORT"].startswith("Port of the API")
    assert set(said) == {"EPOCHAL_QUEU_LIMIT", "EPOCHAL_ZZZ", "EPOCHAL_PORT", "EPOCHAL_LEASE_S"}


@pytest.mark.parametrize("environ", [{}, {"EPOCHAL_PORT": "0"}])
def test_good_settings_are_counted(environ: dict[str, str]) -> None:
    _, good, (found,) = settings_of(environ)
    assert good == environ
    assert found.health is Health.ok
    assert found.says.startswith(str(len(environ)))
