"""Commands that describe a job: submit, check, clone."""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from spec import specfile
from spec.counterfactuals import SEEDS
from spec.dataset import BUILTIN
from spec.job import JobSpec
from spec.sweep import SweepSpec

from ..client import Api, parse, parse_many
from ..client.fields import name_of_copy
from ..client.find import find_job
from ..client.sweep_routes import parse_sweep
from ..client.words import label
from ..errors import BadFileError, BadSpecError, WrongUseError
from .console import Json, Key, print_ids, print_json, remark, screen
from .flags import Flag, flags, overlay, with_flags
from .help import add
from .improved import answer_improvements
from .job_ids import JobId
from .named_data import with_ids
from .progress import finish, follow_to_end
from .render_check import check_card, checks_table
from .sweeps import answer_sweep_check, submit_sweep

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE|-]", help="YAML or JSON: one spec, a list, or jobs: [...].", show_default=False),
]
Improve = Annotated[bool, typer.Option("--improve", help="Wait for its end, then try changes and say which helps.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show progress until the end; exit 1 unless it succeeded.")]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (submit, check, clone):
        add(app, _with_spec_flags(command), panel=panel)


def submit(
    file: File = None,
    watch: Watch = False,
    improve: Improve = False,
    key: Key = None,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Submit jobs from a file, from flags, or from both; print their ids.

    A flag replaces the value of the file. Lists take commas: --hidden 64,32.
    Several values of a field that is no list make a sweep, a grid of all of them.

    Examples:
      epochal submit examples/digits.yaml --watch
      epochal submit --dataset digits --hidden 64,32 --dropout 0.5 --lr 0.01
      epochal submit --dataset spirals --noise 0.2 --optimizer sgd --momentum 0.9
      epochal submit examples/digits.yaml --seed 7 --tags try=second
      epochal submit --dataset digits --lr 0.1,0.01 --optimizer adam,sgd
      epochal submit --dataset digits --lr 0.3 --improve
      cat jobs.json | epochal submit -

    """
    if (sweep := _grid(file, given)) is not None:
        if improve:
            raise WrongUseError("--improve is for one job, and several values make a sweep: leave one of them out.")
        with Api() as client:
            submit_sweep(client, sweep, key=key, watch=watch, as_json=as_json)
        return
    specs, several = _specs(file, given)
    with Api() as client:
        _submit(client, specs, several=several, watch=watch, improve=improve, key=key, as_json=as_json)


def check(file: File = None, as_json: Json = False, **given: Any) -> None:
    """Check jobs without submitting them: rows, parameters, memory, warnings.

    Takes the same file and flags as `epochal submit`. Exit 2 if a value is wrong.

    Examples:
      epochal check examples/digits.yaml
      epochal check --dataset digits --hidden 4096,4096 --device cuda

    """
    if (sweep := _grid(file, given)) is not None:
        with Api() as client:
            answer_sweep_check(client.check_sweep(sweep), as_json=as_json)
        return
    specs, _ = _specs(file, given)
    with Api() as client:
        checked = [client.check(spec) for spec in specs]
    if as_json:
        print_json(checked if len(checked) > 1 else checked[0])
        return
    screen.print(check_card(checked[0]) if len(checked) == 1 else checks_table(checked))
    for warning in dict.fromkeys(warning for one in checked for warning in one.warnings):
        remark(f"Warning: {warning}")


def clone(job_id: JobId, watch: Watch = False, as_json: Json = False, **given: Any) -> None:
    """Submit a copy of a job, with changes; print its id.

    The copy gets the name of the job and the changes, unless --name gives another.

    Examples:
      epochal clone @last --lr 0.01 --watch
      epochal clone 4f2a91c7 --seed 1 --epochs 200 --name longer

    """
    chosen = _chosen(given)
    with Api() as client:
        job = client.job(find_job(client, job_id))
        changes = {flag.variable: value for flag, value in chosen.items()}
        changed = {"name": name_of_copy(label(job), changes), "priority": job.priority, "tags": job.tags}
        spec = overlay({**job.spec.model_dump(mode="json"), **changed, "project": job.project}, chosen)
        _submit(client, _valid(with_ids([spec]), several=False), several=False, watch=watch, as_json=as_json)


def _submit(
    client: Api,
    specs: Sequence[JobSpec],
    *,
    several: bool,
    watch: bool,
    as_json: bool,
    improve: bool = False,
    key: str | None = None,
) -> None:
    """Submit, print the ids, with `watch` follow the jobs to their ends, and with `improve` try changes then."""
    try:
        ids = client.submit_many(specs, key=key) if several else [_submitted(client, specs[0], key)]
    except BadSpecError as error:
        raise with_flags(error) from error
    if not ((watch or improve) and as_json):
        print_ids(ids, as_json=as_json)
    if improve:
        follow_to_end(client, ids)
        answer_improvements(client, ids, seeds=SEEDS, as_json=as_json)
    elif watch:
        finish(follow_to_end(client, ids), as_json=as_json)


def _submitted(client: Api, spec: JobSpec, key: str | None) -> str:
    """The id of a new job; warnings go to standard error."""
    job = client.submit(spec, key=key)
    for warning in job.warnings:
        remark(warning)
    return job.id


# --- specs ------------------------------------------------------------------------------------------------------------


def _specs(file: str | None, given: Mapping[str, Any]) -> tuple[list[JobSpec], bool]:
    """The jobs of the file with the values of the flags, and whether the file holds several.

    A bad spec is refused without a server. Raises `BadSpecError`, which names fields and flags, and `BadFileError`.
    """
    chosen = _chosen(given)
    if file is None and not chosen:
        raise BadFileError("Nothing to submit: name a FILE, or describe the job with flags such as --dataset digits.")
    specs, several = _read(file) if file is not None else ([{}], False)
    if any({"space", "configurations"} & spec.keys() for spec in specs):
        raise WrongUseError(
            f"{file} holds a sweep: `epochal sweep {file}` submits it, with --check it is checked only."
        )
    return _valid(with_ids([overlay(spec, chosen) for spec in specs]), several=several), several


def _grid(file: str | None, given: Mapping[str, Any]) -> SweepSpec | None:
    """The sweep of all combinations, if a flag has several values and its field is no list; else None."""
    chosen = _chosen(given)
    varied = {flag: value for flag, value in chosen.items() if isinstance(value, list) and not flag.may_be_list}
    if not varied:
        return None
    specs, _ = _read(file) if file is not None else ([{}], False)
    if len(specs) > 1:
        names = ", ".join(f"--{flag.name}" for flag in varied)
        raise WrongUseError(f"{names} has several values, which makes a sweep of one job; {file} holds {len(specs)}.")
    fixed = {flag: value for flag, value in chosen.items() if flag not in varied}
    [base] = with_ids([overlay(specs[0], fixed)])
    space = {".".join(flag.path): value for flag, value in varied.items()}
    name = {"name": base.pop("name")} if "name" in base else {}
    return parse_sweep({**name, "base": base, "space": space, "method": "grid"})


def _read(file: str) -> tuple[list[dict[str, Any]], bool]:
    """The specs in the file. Raises `BadSpecFileError`, and `WrongUseError` for what was meant for a flag."""
    if file in BUILTIN and not Path(file).exists():
        raise WrongUseError(f"There is no file {file}. For the data set write --dataset {file}.")
    if re.fullmatch(r"[\d.,]+", file) and not Path(file).exists():
        raise WrongUseError(f"There is no file {file}. A list is written with commas and no blanks: --hidden 64,32.")
    return specfile.read(file)


def _valid(wanted: Sequence[Mapping[str, Any]], *, several: bool) -> list[JobSpec]:
    try:
        return parse_many(wanted) if several else [parse(wanted[0])]
    except BadSpecError as error:
        raise with_flags(error) from error


# --- flags ------------------------------------------------------------------------------------------------------------


def _with_spec_flags(command: Any) -> Any:
    """`command`, whose `**given` is opened into one parameter per flag of the spec."""
    signature = inspect.signature(command)
    fixed = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    made = [
        inspect.Parameter(flag.variable, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(flag))
        for flag in flags()
    ]
    command.__signature__ = signature.replace(parameters=[*fixed, *made])
    command.__annotations__ = {
        parameter.name: parameter.annotation for parameter in command.__signature__.parameters.values()
    }
    return command


def _annotation(flag: Flag) -> Any:
    panel = {1: "The job"}.get(len(flag.path), f"Fields of {flag.path[0]}")
    if flag.form == "switch":
        return Annotated[bool | None, typer.Option(*flag.names, help=flag.help, rich_help_panel=panel)]
    metavar = {"pairs": "KEY=VALUE", "list": "VALUES"}.get(flag.form, "VALUE")
    option = typer.Option(*flag.names, help=flag.help, metavar=metavar, rich_help_panel=panel)
    return Annotated[list[str] | None, option]


def _chosen(given: Mapping[str, Any]) -> dict[Flag, Any]:
    """The flags that were given, with their values."""
    known = {flag.variable: flag for flag in flags()}
    return {known[name]: known[name].read(value) for name, value in given.items() if value not in (None, [])}
