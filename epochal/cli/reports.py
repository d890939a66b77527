"""Reports: device time, and the audit log."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from spec.access import QuotaUse

from ..client import Api
from ..client.words import DASH
from ..errors import WrongUseError
from .console import Json, print_list, print_model, print_table
from .figures import size
from .help import add


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    add(app, usage, panel=panel)
    add(app, quotas, panel=panel)
    add(app, audit, panel=panel)


def usage(
    by: Annotated[str, typer.Option(help="user, project or tag:KEY.")] = "user",
    since: Annotated[str | None, typer.Option(help="From this day, 2026-11-01. Default: 30 days.")] = None,
    until: Annotated[str | None, typer.Option(help="To the start of this day. Default: now.")] = None,
    as_json: Json = False,
) -> None:
    """Report GPU-hours and CPU-hours of what you see, the most first.

    Examples:
      epochal usage
      epochal usage --by project --since 2026-11-01
      epochal usage --by tag:team --json

    """
    with Api() as client:
        found = client.usage(by, _day(since), _day(until))
    if as_json:
        print_model(found)
        return
    lines = [
        (one.name or DASH, f"{one.gpu_hours:.2f}", f"{one.cpu_hours:.2f}", str(one.attempts)) for one in found.lines
    ]
    total = ("all", f"{found.gpu_hours:.2f}", f"{found.cpu_hours:.2f}", str(sum(one.attempts for one in found.lines)))
    print_table((by, "GPU-hours", "CPU-hours", "attempts"), [*lines, total])


def quotas(as_json: Json = False) -> None:
    """Show what is used of your quotas and your projects' now; administrators see all.

    Examples:
      epochal quotas
      epochal quotas --json

    """
    with Api() as client:
        found = client.quotas()
    columns = ("", "name", "running", "queued", "GPU-hours", "bytes")
    print_list(found, columns, _quota_row, as_json)


def audit(
    actor: Annotated[str | None, typer.Option(help="Only changes by this user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, control.cancel, or tokens.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most entries.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who asked for which change, when and from where; for administrators.

    Examples:
      epochal audit
      epochal audit --actor ada --action control.cancel

    """
    with Api() as client:
        found = client.audit(actor=actor, action=action, limit=limit)
    if as_json:
        print_model(found)
        return
    rows = (
        (f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", one.actor, one.address, one.action, one.path, str(one.status))
        for one in found.entries
    )
    print_table(("at (UTC)", "user", "from", "action", "path", "answer"), rows)


def _quota_row(one: QuotaUse) -> tuple[str, ...]:
    used, most = one.used, one.quotas
    return (
        one.kind,
        one.name,
        _of(str(used.running), most.running),
        _of(str(used.queued), most.queued),
        _of(f"{used.gpu_hours:.2f}", most.gpu_hours),
        size(used.bytes) if most.bytes is None else f"{size(used.bytes)} of {size(most.bytes)}",
    )


def _of(used: str, most: float | None) -> str:
    """What is used, and the quota if there is one."""
    return used if most is None else f"{used} of {most:g}"


def _day(text: str | None) -> datetime | None:
    """The start of a day in UTC, or a moment. Raises `WrongUseError`."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongUseError(f"{text} is no day: write it as 2026-11-01.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
