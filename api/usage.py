"""Reports of device time over HTTP, as JSON or CSV."""

import csv
import io
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from flask import Blueprint, Response
from pydantic import AwareDatetime, Field, model_validator

from spec.base import Frozen, fault
from spec.labels import SHARED_BY
from spec.usage import UsageLine, UsageReport
from store.usage import UsageStore, Use

from .answers import PREFIX
from .auth import principal
from .openapi import documented
from .parsing import json_response, parse_query
from .services import service

HOUR_S = 3600.0
MONTH = timedelta(days=30)
LONGEST = timedelta(days=400)

usage = Blueprint("usage", __name__, url_prefix=PREFIX)


class UsageQuery(Frozen):
    """Whose device time, and when."""

    by: Annotated[str, Field(pattern=SHARED_BY, description="user, project or tag:KEY.")] = "user"
    since: Annotated[AwareDatetime | None, Field(description="From, with a zone; default: 30 days before until.")] = (
        None
    )
    until: Annotated[AwareDatetime | None, Field(description="To, with a zone; default: now.")] = None
    format: Annotated[Literal["json", "csv"], Field(description="json or csv.")] = "json"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        try:
            since, until = self.span(datetime.now(UTC))
        except OverflowError as error:
            raise fault("until", "must be a later day") from error
        if since >= until:
            raise fault("since", "must be before until")
        if until - since > LONGEST:
            raise fault("since", f"must be at most {LONGEST.days} days before until")
        return self

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The two moments."""
        until = self.until or now
        return self.since or until - MONTH, until


@usage.get("/usage")
@documented("Report device time by user, project or tag", query=UsageQuery, answer=UsageReport, media=("text/csv",))
def show() -> Response:
    """GPU-hours and CPU-hours of all that the asker sees."""
    asked = parse_query(UsageQuery)
    since, until = asked.span(datetime.now(UTC))
    made = report(asked.by, since, until, service(UsageStore).used(principal().sees, since, until))
    return json_response(made) if asked.format == "json" else Response(_csv(made), content_type="text/csv")


def report(by: str, since: datetime, until: datetime, uses: list[Use]) -> UsageReport:
    """The report of what was used, the most GPU-hours first."""
    groups = defaultdict[str, list[Use]](list)
    for use in uses:
        groups[_name(by, use)].append(use)
    lines = [
        UsageLine(name=name, gpu_hours=_hours(found, "cuda"), cpu_hours=_hours(found, "cpu"), attempts=len(found))
        for name, found in groups.items()
    ]
    return UsageReport(
        by=by,
        since=since,
        until=until,
        lines=sorted(lines, key=lambda line: (-line.gpu_hours, -line.cpu_hours, line.name)),
        gpu_hours=_hours(uses, "cuda"),
        cpu_hours=_hours(uses, "cpu"),
    )


def _name(by: str, use: Use) -> str:
    if by == "user":
        return use.owner
    return use.project if by == "project" else use.tags.get(by.removeprefix("tag:"), "")


def _hours(uses: list[Use], kind: str) -> float:
    return round(sum(use.seconds for use in uses if use.kind == kind) / HOUR_S, 6)


def _csv(made: UsageReport) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([made.by, "gpu_hours", "cpu_hours", "attempts"])
    table.writerows([_cell(line.name), line.gpu_hours, line.cpu_hours, line.attempts] for line in made.lines)
    return text.getvalue()


def _cell(name: str) -> str:
    """The name, so that no spreadsheet takes it for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
