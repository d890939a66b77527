"""The pages say what the code does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from api import gunicorn
from api.app import create_app
from api.mlflow_proxy import AT_ONCE
from api.stream import STREAMS
from epochal.cli import app as epochal
from spec.activations import Activation
from spec.halvings import HALVINGS, Population
from spec.job import JobSpec
from spec.losses import LOSSES
from spec.optimizers import OPTIMIZERS
from spec.reference import reference
from spec.schedules import SCHEDULES
from spec.settings import PREFIX, Settings
from spec.specfile import read
from spec.states import TRANSITIONS, FailureReason, StopReason
from spec.sweep import RULES_VERSION, SweepSpec

from .pages import ROOT, codes, files, page, rows


def test_every_setting_is_documented_and_no_other() -> None:
    documented = {name for row in rows(page("operations.md")) for name in codes(row[0]) if name.startswith(PREFIX)}
    assert documented == {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_limits_of_the_api_are_documented_as_they_are() -> None:
    limits = (
        f"one process of {gunicorn.threads} threads",
        f"| {STREAMS} live streams",
        f"at most {AT_ONCE} requests wait",
    )
    for said in (*limits, f"| {gunicorn.worker_connections} connections"):
        assert said in page("operations.md"), said


def test_no_page_names_a_variable_that_does_not_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for path in files("*.md", "docker-compose.yml", "deploy", "examples", "Makefile"):
        named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", path.read_text(encoding="utf-8")))
        assert named <= known, path


def test_the_spec_page_is_the_generated_one() -> None:
    assert page("spec.md") == reference(), "run: .venv/bin/python -m spec > docs/spec.md"


def test_the_readme_lists_what_can_be_trained() -> None:
    listed = {row[0]: re.findall(r"\w+", row[1]) for row in rows((ROOT / "README.md").read_text(encoding="utf-8"))}
    tables = {"optimizers": OPTIMIZERS, "schedules": SCHEDULES, "losses": LOSSES}
    names = {part: [kind.name() for kind in kinds] for part, kinds in tables.items()} | {"activations": [*Activation]}
    missing = {part: set(kinds) - set(listed[part]) for part, kinds in names.items()}
    assert not any(missing.values()), missing


def test_the_readme_names_every_package() -> None:
    code = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The code")[2]
    packages = {file.parent.name for file in files("*/__init__.py") if file.parent.parent == ROOT}
    assert packages
    assert packages <= set(re.findall(r"(\w+)/", code)), packages


def test_what_a_newcomer_reads_is_short() -> None:
    told = re.search(r"five files: (.*?)\.\s", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    named = codes(told[1]) if told is not None else set[str]()
    assert len(named) == 5
    assert sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in named) < 1_200


def test_the_api_page_lists_the_routes_of_the_application(tmp_path: Path) -> None:
    app = create_app(Settings.read({"EPOCHAL_HOME": str(tmp_path), "EPOCHAL_BROKER_URL": "redis://127.0.0.1:1/0"}))
    with app.test_client() as client:
        paths = client.get("/openapi.json").get_json()["paths"]
    app.extensions["epochal.engine"].dispose()
    routes = {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}
    listed = {next(iter(codes(row[0])), "") for row in rows(page("api.md"))} - {""}
    assert listed == routes


def test_the_states_page_has_the_transitions_of_the_code() -> None:
    states = {next(iter(codes(row[0]))): codes(row[2]) for row in rows(page("job-states.md")) if row[1] in _MEANINGS}
    assert states == {state.value: {to.value for to in following} for state, following in TRANSITIONS.items()}


def test_the_states_diagram_draws_the_transitions_of_the_code() -> None:
    arrows = re.findall(r"^    (\w+) --> (\w+)", page("job-states.md"), flags=re.MULTILINE)
    assert set(arrows) == {(state.value, to.value) for state, following in TRANSITIONS.items() for to in following}


def test_the_states_page_has_the_reasons_of_the_code() -> None:
    table = {next(iter(codes(row[0])), ""): tuple(row[1:]) for row in rows(page("job-states.md"))}
    for stop in StopReason:
        assert table[stop.value] == (stop.sentence,)
    for failure in FailureReason:
        assert table[failure.value] == (failure.retry, failure.sentence)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    specs, _ = read(str(path))
    assert specs
    for spec in specs:
        (SweepSpec if "space" in spec else JobSpec).model_validate(spec)


@pytest.mark.parametrize("path", ["README.md", "docs/questions.md"])
def test_what_newcomers_copy_is_valid(path: str) -> None:
    bodies = re.findall(r"```yaml\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert bodies
    for body in map(yaml.safe_load, bodies):
        (SweepSpec if "base" in body else JobSpec).model_validate(body)


def test_the_page_of_sweeps_has_every_field_method_and_halving() -> None:
    listed = {name for row in rows(page("sweeps.md")) for name in codes(row[0])}
    methods = get_args(SweepSpec.model_fields["method"].annotation)
    assert {*SweepSpec.model_fields, *methods, *(kind.name() for kind in HALVINGS)} <= listed
    first = re.findall(r"```yaml\n(.*?)```", page("sweeps.md"), flags=re.DOTALL)[0]
    assert (ROOT / "examples" / "sweep_grid.yaml").read_text(encoding="utf-8").endswith(first)
    population = re.findall(r"```yaml\n(halving.*?)```", page("sweeps.md"), flags=re.DOTALL)[0]
    assert population in (ROOT / "examples" / "sweep_population.yaml").read_text(encoding="utf-8")
    assert set(Population.model_fields) - {"type"} <= listed
    assert f"that propose and prune: {RULES_VERSION}." in page("sweeps.md")


def test_every_link_between_pages_leads_somewhere() -> None:
    for path in files("*.md"):
        for target, part in re.findall(
            r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")
        ):
            leads = path.parent / target if target else path
            assert leads.exists(), f"{path.name} links to {target}"
            assert not part or leads.suffix != ".md" or part in _headings(leads), f"{path.name}: {target}#{part}"


def _headings(path: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_list_of_pages_has_every_page() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", page("README.md")))
    assert listed == {path.name for path in files("docs/*.md") if path.parent.name == "docs"} - {"README.md"}


def test_every_test_that_a_page_names_exists() -> None:
    for path in files("*.md"):
        named = re.findall(r"\btests/[\w/]+\.py\b", path.read_text(encoding="utf-8"))
        assert not [name for name in named if not (ROOT / name).exists()], path.name


def commands_in(text: str) -> list[str]:
    """The arguments of each `epochal ...` in the text: in a block for the shell, or between backticks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join([*blocks, *re.findall(r"`(epochal [^`|]+)`", text)]).replace("\\\n", " ")
    return re.findall(r"(?:^|[|(] ?)(?:\.venv/bin/)?epochal ([^#|>&;)\n]+)", lines, re.MULTILINE)


def helps(command: Any) -> Iterator[str]:
    """The help of a command and of those below it; the examples as blocks for the shell."""
    yield re.sub(r"Examples?:\n((?:  .*\n?)+)", lambda found: f"```sh\n{dedent(found[1])}```", command.help or "")
    for below in getattr(command, "commands", {}).values():
        yield from helps(below)


def test_every_command_in_a_page_and_in_help_exists_with_its_options() -> None:
    top = get_command(epochal)
    texts = [*(path.read_text(encoding="utf-8") for path in files("*.md")), *helps(top)]
    written = sorted({line for text in texts for line in commands_in(text)} - {"COMMAND --help"})
    assert len(written) > 200
    for line in written:
        command, rest = top, shlex.split(line)
        while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
            is_file = command.name == "sweep" and rest[0] not in command.commands
            assert is_file or rest[0] in command.commands, line
            command = command.commands["start" if is_file else rest.pop(0)]
        with command.make_context("", [], resilient_parsing=True) as context:
            command.make_parser(context).parse_args(rest)  # an unknown option is an error


@pytest.mark.parametrize("command", ["slurm", "autoscale"])
def test_the_page_of_slurm_has_every_option(command: str) -> None:
    group = get_command(epochal)
    assert isinstance(group, TyperGroup)
    options = {name for one in group.commands[command].params for name in one.opts if name.startswith("--")}
    assert {name for name in options if not re.search(rf"{name}\b", page("slurm.md"))} == set()


def test_what_the_guarantees_say_is_tested_has_its_tests() -> None:
    promises = [row for row in rows(page("guarantees.md")) if row[0] != "promise"]
    assert all(codes(row[1]) for row in promises if len(row) == 2)
    for path in {path for row in promises for path in codes(row[-1]) if path.startswith("tests/")}:
        assert "\ndef test_" in (ROOT / path).read_text(encoding="utf-8"), path


def test_the_command_in_a_page_is_a_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for path in files("*.md"):
        named = set(re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8")))
        assert named <= targets, path.name


def test_every_target_of_make_is_in_a_page_and_in_its_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)[0].split())
    assert phony == set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))
    pages = "".join(path.read_text(encoding="utf-8") for path in files("*.md"))
    assert phony == set(re.findall(r"make ([a-z-]+)", pages)) & phony


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    releases = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert releases[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", release) for release in releases[1:])
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_yaml_files_are_yaml() -> None:
    for path in files("*.yaml", "*.yml"):
        if "templates" in path.parts:  # Helm makes YAML of them: tests/acceptance/test_helm.py
            continue
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path


_MEANINGS = {row[1] for row in rows(page("job-states.md").partition("## What always holds")[0]) if row[0] != "state"}
