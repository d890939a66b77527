import errno
import io
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.main import get_command

from epochal.cli import app, stack
from epochal.cli.models import json_rows
from epochal.errors import BadSpecError
from epochal.stack.file_system import network_warning
from epochal.stack.home import Endpoints, Home
from epochal.stack.process import Child, Service
from spec.field_error import FieldError
from spec.settings import Settings

COMMANDS = (
    *(
        "up",
        "down",
        "status",
        "open",
        "doctor",
        "worker",
        "slurm",
        "autoscale",
        "submit",
        "jobs",
        "show",
        "watch",
        "cancel",
        "retry",
        "logs",
        "curve",
    ),
    *("replay", "improve", "pause", "resume", "priority", "workers", "queue", "check", "clone", "compare", "delete"),
    *("datasets upload", "datasets list", "datasets show", "datasets delete", "predict", "download"),
    *("sweep start", "sweep list", "sweep show", "sweep cancel", "sweep pause", "sweep resume", "sweep retry"),
    *("sweep extend", "sweep table", "sweep replay", "sweep ensemble", "sweep predict"),
    *("user list", "user add", "user role", "user quota", "user lock", "user unlock", "usage", "quotas", "audit"),
    *("project list", "project create", "project delete", "project members", "project add", "project remove"),
    *("project quota", "project share"),
    *("lesson", "token create", "token list", "token revoke"),
    *("webhook add", "webhook list", "webhook remove", "webhook test"),
)
BECOMES_ANOTHER_PROGRAM = ("worker",)


@pytest.fixture(autouse=True)
def no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names a server nobody runs."""
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("epochal.client.transport.RETRY_WAITS_S", ())


def run(*arguments: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        app(arguments, prog_name="epochal")
    code = ended.value.code
    return code if isinstance(code, int) else 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command.split(), "--help") == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert f"epochal {command}" in shown
    assert "\b" not in shown


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in BECOMES_ANOTHER_PROGRAM])
def test_every_command_can_answer_in_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command.split(), "--help") == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["submit", "sweep", "sweep list"])
def test_help_is_a_command_too(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(*command.split(), "--help")
    wanted = capsys.readouterr().out
    *groups, last = command.split()
    assert run(*groups, "help", last) == 0
    assert capsys.readouterr().out == wanted


def test_every_command_is_tested_here() -> None:
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert {name.split()[0] for name in COMMANDS} == set(group.commands)


@pytest.mark.parametrize("command", ["", "datasets", "sweep", "token", "user", "project", "webhook", *COMMANDS])
def test_help_fits_80_columns_and_no_line_is_cut(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*command.split(), "--help") == 0
    narrow = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "200")
    run(*command.split(), "--help")
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == capsys.readouterr().out.split()  # no word is cut, and none is left out
    assert "…" not in narrow
    assert not re.search(r"\w\.\.\.$", narrow, re.MULTILINE)
    examples = narrow.partition("Example")[2].partition("\n\n")[0].splitlines()[1:]
    assert all(line.startswith("    ") for line in examples)  # a longer one would go on in the next line
    assert command in ("", "datasets", "sweep", "token", "user", "project", "webhook") or any(
        f"epochal {command}" in line for line in examples
    )


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_link_that_signs_in_is_printed_on_a_terminal_only(
    on_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "screen", Console(force_terminal=on_terminal))
    stack.answer_endpoints(Endpoints(api="http://here:1", mlflow="http://here:2", token="epo_a/b"), as_json=False)
    assert ("http://here:1/#token=epo_a%2Fb" in capsys.readouterr().out) is on_terminal


def test_the_page_is_opened_by_a_private_file_so_that_no_process_list_shows_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    assert run("open") == 2  # no token is known
    monkeypatch.setenv("EPOCHAL_TOKEN", "epo_a/b")
    assert run("open") == 0
    file = tmp_path / "home" / "open.html"
    assert opened == [file.as_uri()]
    assert "url=http://127.0.0.1:9/#token=epo_a%2Fb" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert "epo_a" not in capsys.readouterr().out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"epochal {version('epochal')}"


def test_a_misspelt_command_and_flag_are_corrected(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sumbit") == 2
    assert "submit" in capsys.readouterr().err
    assert run("submit", "--hiden", "3") == 2
    assert "--hidden" in capsys.readouterr().err


def test_help_of_submit_names_the_spec_s_fields(capsys: pytest.CaptureFixture[str]) -> None:
    run("submit", "--help")
    shown = capsys.readouterr().out
    for flag in (
        "--dataset",
        "--hidden",
        "--dropout",
        "--learning-rate",
        "--no-bias",
        "--momentum",
        "--lr",
        "[default: 0.001]",
    ):
        assert flag in shown


def test_a_bad_spec_exits_2_and_names_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit", "--dataset", "digits", "--epochs", "0") == 2
    assert "epochs" in capsys.readouterr().err


def test_improve_is_for_one_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit", "--dataset", "digits", "--lr", "0.1,0.01", "--improve") == 2
    assert "--improve is for one job" in capsys.readouterr().err


def test_check_takes_the_flags_of_submit(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--dataset", "digits", "--lr", "0.1,0.01") == 3  # it asks the server, which nobody runs
    assert "must be a number" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": NaN}, {"a": 1}]', [{"a": None}, {"a": 1}]),
        ('{"rows": [[1, Infinity]]}', [[1, "Infinity"]]),
        ('[{"size": {"height": 3}}]', None),
        ('[{"a": 1, "b": 2}, {"b": 3}]', [{"a": 1, "b": 2}, {"a": None, "b": 3}]),
        ('{"a": [1, 2]}', None),
    ],
)
def test_rows_in_json_have_gaps_and_are_sent_whole_where_they_have_parts(
    tmp_path: Path, text: str, rows: list[object] | None
) -> None:
    (tmp_path / "rows.json").write_text(text)
    assert json_rows(tmp_path / "rows.json") == rows


def test_a_file_that_is_no_sweep_exits_2_and_says_what_a_sweep_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("dataset: xor")
    assert run("sweep", str(file)) == 2
    assert "space" in capsys.readouterr().err
    file.write_text("{base: {dataset: xor}, space: {learning_rate: [0.1, 0.2]}, method: grid, seeds: 0}")
    assert run("sweep", "--check", str(file)) == 2
    assert "seeds" in capsys.readouterr().err
    assert run("sweep", str(file), "--seeds", "2") == 3  # the sweep is valid now; there is no server


@pytest.mark.parametrize("command", ["submit", "check"])
def test_a_sweep_in_place_of_a_job_is_said_with_its_command(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("{base: {dataset: xor}, space: {learning_rate: [0.1, 0.2]}}")
    assert run(command, str(file)) == 2
    assert f"`epochal sweep {file}`" in capsys.readouterr().err


def test_nothing_to_submit_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit") == 2
    assert "--dataset" in capsys.readouterr().err


def test_a_bad_file_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("- 1")
    assert run("submit", str(tmp_path / "a.yaml")) == 2
    assert "a.yaml" in capsys.readouterr().err


def test_an_empty_file_exits_2_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:1")
    for name, command in {"a.yaml": ["submit"], "a.csv": ["datasets", "upload"]}.items():
        (tmp_path / name).touch()
        assert run(*command, str(tmp_path / name)) == 2
        assert f"{name} is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "--dataset", "xor"),
        ("jobs",),
        ("queue",),
        ("show", "x"),
        ("cancel", "@last"),
        ("check", "--dataset", "xor"),
    ],
)
def test_an_unreachable_server_exits_3(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 3
    assert "http://127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "down"])
def test_a_stack_that_is_not_up_exits_3(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 3
    assert "is up" in capsys.readouterr().err.replace("is not up", "is up")


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EPOCHAL_PROT", "1")
    assert run("status") == 2
    assert "EPOCHAL_PROT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EPOCHAL_PORT", "many", "EPOCHAL_PORT must be a whole number; it is 'many'"),
        ("EPOCHAL_LEASE_S", "-1", "EPOCHAL_LEASE_S must be greater than 0.0; it is '-1'"),
        ("EPOCHAL_URL", "example.org", "EPOCHAL_URL, must begin with http:// or https://; it is 'example.org'"),
        ("EPOCHAL_TOKEN", "epo_wr\u00f6ng", "EPOCHAL_TOKEN, has characters that no token has"),
    ],
)
def test_a_bad_variable_is_named_with_its_rule(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert run("jobs") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("priority", "@last", "high"), "'PRIORITY': it must be a whole number"),
        (("priority", "@last", "101"), "'PRIORITY': it must be at most 100"),
        (("jobs", "--limit", "0"), "'--limit': it must be at least 1"),
        (
            ("jobs", "--status", "queued,lost"),
            "A job is queued, running, paused, succeeded, failed, cancelled; not lost.",
        ),
        (("sweep", "list", "--state", "runing"), "not runing; did you mean running?"),
        (("jobs", "--status", "queued, runing"), "not runing; did you mean running?"),
        (("submit", "digits"), "There is no file digits. For the data set write --dataset digits."),
        (("submit", "--dataset", "digits", "--hidden", "64", "32"), "with commas and no blanks: --hidden 64,32"),
        (("ps",), "No such command 'ps'. Did you mean 'jobs'?"),
        (("version",), "Did you mean '--version'?"),
        (("token", "version"), "No such command 'version'.\n"),
        (("datasets", "ls"), "Did you mean 'list'?"),
        (("sweep", "lst"), "There is no command and no file lst. Did you mean `list`?"),
        (("sweep", "xyz"), "There is no command and no file xyz. The commands are start, list,"),
        (("sweep", "lst.yaml"), "Cannot read lst.yaml"),
    ],
)
def test_a_bad_value_is_said_in_the_words_of_the_specs(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_home_that_cannot_be_written_to_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", "/dev/null/home")
    assert run("up", "--detach") == 2
    assert "Cannot write to /dev/null/home: Not a directory. EPOCHAL_HOME names" in capsys.readouterr().err


def test_a_home_on_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: os.fdopen(full, "wb"))
    monkeypatch.setattr(os, "umask", lambda _: 0)
    assert run("up", "--detach") == 2
    assert "home: No space left on device. EPOCHAL_HOME names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "Cannot write the answer: No space left on device."),
        (errno.EMFILE, "The system refused an operation: Too many open files."),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    number: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def echo(*_: object, **how: object) -> None:
        if not how.get("err"):
            raise OSError(number, os.strerror(number))
        sys.stderr.write(str(_[0]))

    monkeypatch.setattr(typer, "echo", echo)
    assert run("--version") == 1
    assert capsys.readouterr().err == f"epochal: {said}"


def test_one_fault_is_said_once() -> None:
    fault = FieldError(path="target", message="is missing")
    assert str(BadSpecError("target is missing.", errors=[fault])) == "target is missing."
    assert str(BadSpecError("The spec is not valid.", errors=[fault])).endswith("\n  target: is missing")


@pytest.mark.parametrize("missing", ["EPOCHAL_DATABASE_URL", "EPOCHAL_BROKER_URL", "EPOCHAL_FILES_URL"])
def test_a_worker_needs_the_record_the_broker_and_the_files_of_its_cluster(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", "postgresql+psycopg://lab/epochal")
    monkeypatch.setenv("EPOCHAL_BROKER_URL", "redis://lab")
    monkeypatch.setenv("EPOCHAL_FILES_URL", "s3://lab")
    monkeypatch.delenv(missing)
    assert run("worker") == 2
    assert f"{missing}: not set" in capsys.readouterr().err


def test_a_worker_of_a_cluster_is_not_joined_with_the_files_of_an_old_stack(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    (tmp_path / "epochal.db").touch()
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", "postgresql+psycopg://lab/epochal")
    monkeypatch.setenv("EPOCHAL_BROKER_URL", "redis://lab")
    monkeypatch.delenv("EPOCHAL_FILES_URL", raising=False)
    monkeypatch.setattr(os, "execve", lambda *_: None)
    assert run("worker") == 2
    assert "EPOCHAL_FILES_URL: not set" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("x", "--project", "p"), ("--project", "p", "--all")])
def test_what_is_cancelled_is_said_in_one_way(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cancel", *arguments) == 2
    assert "Name the jobs to cancel" in capsys.readouterr().err


def test_many_jobs_are_cancelled_only_after_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in ("n\n", ""):  # the latter is that of a script
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert run("cancel", "--all") == 1
        said = capsys.readouterr().err
        assert "Cancel all jobs that your token sees?" in said
        assert "Nothing is cancelled. Where nobody can answer, add --yes." in said
    assert run("cancel", "--all", "--yes") == 3  # asked, and nobody answers


def test_down_signals_no_process_for_a_stack_of_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signalled = list[tuple[int, int]]()
    monkeypatch.setattr(os, "kill", lambda *sent: signalled.append(sent))
    with Home(tmp_path / "home").lock():
        here = platform.node()
        monkeypatch.setattr(platform, "node", lambda: "elsewhere")
        assert run("down") == 1
    assert f"on the machine {here}" in capsys.readouterr().err
    assert signalled == []


def test_ctrl_c_while_a_detached_stack_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = list[Child]()

    def interrupt(_: Home, child: Child) -> None:
        started.append(child)
        raise KeyboardInterrupt

    asleep = Service("stack", ("sleep", "600"), tmp_path / "stack.log", outlives=True)
    monkeypatch.setattr(stack, "as_service", lambda *_, **__: asleep)
    monkeypatch.setattr(stack, "await_ready", interrupt)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    assert run("up", "--detach") != 0
    assert "Stopping ..." in capsys.readouterr().err
    assert [child.pid for child in started] == [None]


def test_a_record_of_sqlite_on_a_network_file_system_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nlab:/home {tmp_path}/my\\040lab nfs4 rw,relatime 0 0\n")
    monkeypatch.setattr("epochal.stack.file_system.MOUNTS", mounts)
    found = network_warning(Settings.read({"EPOCHAL_HOME": str(tmp_path / "my lab" / "home")}))
    assert found is not None
    assert "(nfs4)" in found.says
    for setting in ({"EPOCHAL_HOME": "/elsewhere"}, {"EPOCHAL_DATABASE_URL": "postgresql+psycopg://lab/epochal"}):
        assert network_warning(Settings.read(setting)) is None
