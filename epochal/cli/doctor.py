"""The command that says what is wrong with an installation: doctor."""

import typer
from rich.text import Text

from spec.findings import Finding, Health

from ..doctor import examine
from .console import Json, print_json, screen
from .help import add

STYLES = {Health.ok: "green", Health.warning: "yellow", Health.wrong: "bold red"}
INDENT = " " * 20


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` this command."""
    add(app, doctor, panel=panel)


def doctor(as_json: Json = False) -> None:
    """Say what is wrong with the installation. Exit 1 when something is.

    It looks at the settings, the API, the token, workers and MLflow; where
    this machine reaches them, also at the record, the broker, the files and
    the disks; and at the devices of this machine.

    Examples:
      epochal doctor
      EPOCHAL_URL=https://... EPOCHAL_TOKEN=... epochal doctor
      epochal doctor --json

    """
    found = examine()
    if as_json:
        print_json(found)
    else:
        for finding in found:
            show(finding)
        wrong = sum(finding.health is Health.wrong for finding in found)
        warnings = sum(finding.health is Health.warning for finding in found)
        typer.echo(f"{len(found)} looked at: {wrong} wrong, {warnings} to look at.")
    if any(finding.health is Health.wrong for finding in found):
        raise typer.Exit(1)


def show(finding: Finding) -> None:
    """Print a line, and what to do."""
    line = Text(f"{finding.health:<8}", style=STYLES[finding.health])
    screen.print(
        line.append(f"  {finding.part:<8}  ", style="default").append(finding.says, style="default"), soft_wrap=True
    )
    if finding.fix:
        screen.print(Text(f"{INDENT}{finding.fix}"), soft_wrap=True)
