import errno
import fcntl
import os
import platform
import stat
import tempfile
from pathlib import Path

import pytest

from epochal.errors import AlreadyUpError, StackError
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


def test_the_endpoints_of_a_stack_that_was_killed_are_not_believed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock():
        home.publish(HERE)
        assert home.up() == HERE
    assert home.endpoints() == HERE
    assert home.up() is None


def test_another_machine_s_stack_is_up_where_its_lock_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    with home.lock():
        home.publish(HERE)
        assert home.other_machine() is None
    here = platform.node()
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    assert home.other_machine() == here
    assert home.up() == HERE


@pytest.mark.parametrize("torn", ["", "[", "[]", '{"api": "x"}', '[{"name": "api"}]'])
def test_files_that_a_power_cut_tore_are_none(tmp_path: Path, torn: str) -> None:
    home = Home(tmp_path)
    home.endpoints_file.write_text(torn)
    (tmp_path / "services.json").write_text(torn)
    assert home.endpoints() is None
    assert home.services() == []


def test_a_stack_that_has_just_taken_its_home_has_no_process_to_signal_yet(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock():
        (tmp_path / "stack.lock").write_text("")
        assert home.owner() is None


def test_a_home_is_its_owner_s_and_a_folder_with_other_things_stays_as_it_is(tmp_path: Path) -> None:
    new, empty, group = tmp_path / "new", tmp_path / "empty", tmp_path / "group"
    for folder in (empty, group):
        folder.mkdir()
        folder.chmod(0o775)
    (group / "data.csv").touch()
    for folder in (new, empty, group, group):
        with Home(folder).lock():
            pass
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (new, empty, group)] == [0o700, 0o700, 0o775]


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


def test_a_token_that_a_power_cut_tore_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "token").touch(0o600)
    token = Home(tmp_path).token()
    assert token.startswith("epo_")
    assert Home(tmp_path).token() == token


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


def test_a_deep_home_starts_where_the_folders_for_temporary_files_are_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = Home(tmp_path / ("d" * 120))
    deep.path.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(tempfile, "tempdir", str(deep.path))
    with deep.socket("valkey.sock") as path:
        assert len(str(path)) < SOCKET_PATH_LIMIT
        assert path.parent.parent == Path("/tmp")  # noqa: S108 - the last resort
    assert list(deep.path.iterdir()) == []


def test_where_no_folder_can_take_a_socket_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: str) -> str:
        raise PermissionError

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(StackError, match=r"EPOCHAL_HOME.*TMPDIR"), Home(tmp_path / ("d" * 120)).socket("valkey.sock"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_with_the_cure(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StackError, match=rf"{tmp_path}.* has no locks.*EPOCHAL_HOME"), Home(tmp_path).lock():
        pass
    with pytest.raises(StackError, match="has no locks"):
        Home(tmp_path).up()
