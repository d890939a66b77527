"""`python -m benchmarks` runs all of them, and a caption says which command made the numbers."""

from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__ as all_of_them
from benchmarks import claims, gpu
from benchmarks.machine import command

ALL = (*all_of_them.INTERLEAVED, *all_of_them.OTHERS)


def test_every_script_that_writes_a_table_is_run() -> None:
    writing = {file.stem for file in Path("benchmarks").glob("*.py") if "replace_section(" in file.read_text()}
    assert {script.__name__ for script in ALL} == {f"benchmarks.{name}" for name in writing - {"tables"}}


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.__name__)
def test_every_script_takes_the_options_that_it_is_given(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script.main(["--help"])
    said = capsys.readouterr().out
    assert ("--quick" in said, "--write" in said) == (True, True)
    assert ("--rounds" in said) == (script in all_of_them.INTERLEAVED)


def test_rounds_are_of_those_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, list[str]] = {}
    for script in ALL:
        monkeypatch.setattr(script, "main", lambda arguments, name=script.__name__: given.update({name: arguments}))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--quick", "--rounds", "2"])
    all_of_them.main()
    assert len(given) == len(ALL)
    assert (given[gpu.__name__], given[claims.__name__]) == (["--quick", "--rounds", "2"], ["--quick"])


def test_a_caption_has_the_options_that_made_its_numbers() -> None:
    given = ["--rounds", "1", "--only", "ours", "ray reuse", "--write"]
    assert command("peers", given) == "`python -m benchmarks.peers --rounds 1 --only ours 'ray reuse'`"


def test_claims_name_the_server_and_not_its_password() -> None:
    server = "postgresql+psycopg://ada:secret@db.example:5432/postgres"
    assert claims.place(claims.SERVER, "15.20") == "PostgreSQL 15.20 as Debian sets it up, on the same machine"
    said = claims.place(server, "16.1") + claims.made_by(server, ["--jobs", "9", "--server", server])
    assert "PostgreSQL 16.1 at postgresql+psycopg://ada:***@db.example" in said
    assert "--jobs 9 --server postgresql" in said
    assert "secret" not in said
