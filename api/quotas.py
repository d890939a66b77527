"""Quotas over HTTP: which hold for users and projects, and what is used of them."""

from collections.abc import Mapping

from flask import Blueprint, Response

from spec.access import QuotaReport, Quotas, QuotaUse
from store.limits import Limits
from store.projects import ProjectStore
from store.quota_use import NOTHING, QuotaUseStore
from store.users import UserStore

from .answers import PREFIX
from .auth import principal
from .dataset_services import DatasetServices
from .openapi import documented
from .parsing import json_response
from .services import service

quotas = Blueprint("quotas", __name__, url_prefix=f"{PREFIX}/quotas")


@quotas.get("")
@documented("Report quotas and what is used of them", answer=QuotaReport)
def show() -> Response:
    """Of all users and projects, for an administrator; for others, of themselves and their projects."""
    who, defaults = principal(), _defaults(service(Limits), service(DatasetServices).default_quota)
    used = service(QuotaUseStore).used(who.sees)
    users = [
        QuotaUse(
            kind="user", name=one.name, quotas=_filled(one.quotas, defaults), used=used.owners.get(one.name, NOTHING)
        )
        for one in service(UserStore).listed(who.manages)
    ]
    projects = [
        QuotaUse(kind="project", name=one.name, quotas=one.quotas, used=used.projects.get(one.id, NOTHING))
        for one in service(ProjectStore).listed(user=who.manages)
    ]
    return json_response(QuotaReport(uses=[*users, *projects]))


def _defaults(limits: Limits, data: int) -> Mapping[str, int | None]:
    """The quotas of a user who has none of its own; 0 in the settings is none."""
    return {"running": limits.owner_running or None, "queued": limits.owner_queued or None, "bytes": data}


def _filled(own: Quotas, defaults: Mapping[str, int | None]) -> Quotas:
    given = {name: value for name, value in own.model_dump().items() if value is not None}
    return Quotas.model_validate({**defaults, **given})
