import stat
from pathlib import Path

import pytest

from epochal.errors import AlreadyUpError
from epochal.stack.home import SOCKET_PATH_LIMIT, Endpoints, Home, ServiceState

HERE = Endpoints(api="http://127.0.0.1:1", mlflow="http://127.0.0.1:2", token="epo_x")


def test_a_home_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.owner() is None
    with home.lock():
        assert home.owner() is not None
        with pytest.raises(AlreadyUpError, match="epochal down"), Home(tmp_path / "home").lock():
            pass
    assert home.owner() is None
    with home.lock():
        pass


def test_taking_a_home_clears_what_a_killed_stack_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.publish(HERE)
    with home.lock():
        assert home.endpoints() is None


def test_endpoints_are_for_their_owner_s_eyes_and_go_away(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.publish(HERE)
    assert home.endpoints() == HERE
    assert stat.S_IMODE(home.endpoints_file.stat().st_mode) == 0o600
    home.withdraw()
    assert home.endpoints() is None
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_made_once_and_kept_private(tmp_path: Path) -> None:
    token = Home(tmp_path).token()
    assert token.startswith("epo_")
    assert Home(tmp_path).token() == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_a_given_token_goes_first(tmp_path: Path) -> None:
    assert Home(tmp_path).token("epo_mine") == "epo_mine"


def test_services_are_noted(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.services() == []
    states = [ServiceState("api", "running", 7, 0, "api.log")]
    home.note(states)
    assert home.services() == states


def test_a_socket_s_path_is_short_enough_however_deep_the_home(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("d" * 120))
    deep.path.mkdir()
    with deep.socket("valkey.sock") as path:
        assert len(str(path)) < SOCKET_PATH_LIMIT
        assert path.parent.exists()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()
