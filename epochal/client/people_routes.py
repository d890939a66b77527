"""The routes about users, projects, tokens, the audit log and device time."""

from collections.abc import Sequence
from datetime import datetime

from spec.access import (
    MadeToken,
    Member,
    MemberList,
    ProjectList,
    ProjectView,
    QuotaReport,
    QuotaUse,
    Role,
    TokenList,
    TokenView,
    UserList,
    UserView,
)
from spec.audit import AuditPage
from spec.usage import UsageReport
from spec.views import DatasetView
from spec.webhooks import MadeWebhook, WebhookList, WebhookTest, WebhookView

from .transport import Body, Transport, path_of, read


class PeopleRoutes:
    """What `Api` does for people who work together."""

    _transport: Transport

    # --- users ---------------------------------------------------------------------------------------------------

    def users(self) -> list[UserView]:
        """All users, for an administrator; for others their own entry."""
        return read(UserList, self._transport.request("GET", "/users")).users

    def user(self, name: str) -> UserView:
        """A user: yourself, or for an administrator anybody."""
        return read(UserView, self._transport.request("GET", path_of("users", name)))

    def create_user(self, name: str, role: Role = Role.member) -> UserView:
        """Make a user, who has no token yet."""
        return read(UserView, self._transport.request("POST", "/users", body={"name": name, "role": role.value}))

    def change_user(self, name: str, **changes: object) -> UserView:
        """Change the `role`, `active` or `quotas` of a user."""
        path = path_of("users", name)
        return read(UserView, self._transport.request("PATCH", path, body=changes, repeatable=True))

    # --- projects ------------------------------------------------------------------------------------------------

    def projects(self) -> list[ProjectView]:
        """The projects that you are a member of."""
        return read(ProjectList, self._transport.request("GET", "/projects")).projects

    def project(self, name: str) -> ProjectView:
        """A project that you are a member of, or for an administrator any."""
        return read(ProjectView, self._transport.request("GET", path_of("projects", name)))

    def create_project(self, name: str) -> ProjectView:
        """Create a project, with you as its administrator."""
        return read(ProjectView, self._transport.request("POST", "/projects", body={"name": name}))

    def change_project(self, name: str, quotas: Body) -> ProjectView:
        """Give a project these quotas, and no others."""
        path = path_of("projects", name)
        return read(ProjectView, self._transport.request("PATCH", path, body={"quotas": quotas}, repeatable=True))

    def delete_project(self, name: str) -> None:
        """End the sharing: what is in the project is its owners' alone again."""
        self._transport.request("DELETE", path_of("projects", name))

    def members(self, project: str) -> list[Member]:
        """Who is in a project."""
        return read(MemberList, self._transport.request("GET", path_of("projects", project, "members"))).members

    def set_member(self, project: str, user: str, role: Role = Role.member) -> Member:
        """Let a user into a project, or give a member another role."""
        path = path_of("projects", project, "members", user)
        return read(Member, self._transport.request("PUT", path, body={"role": role.value}, repeatable=True))

    def remove_member(self, project: str, user: str) -> None:
        """Take a member out of a project."""
        self._transport.request("DELETE", path_of("projects", project, "members", user))

    def share_dataset(self, dataset_id: str, project: str | None) -> DatasetView:
        """Let the members of a project train on a data set; None: nobody but its owner."""
        path = path_of("datasets", dataset_id)
        return read(DatasetView, self._transport.request("PATCH", path, body={"project": project}, repeatable=True))

    # --- tokens --------------------------------------------------------------------------------------------------

    def tokens(self) -> list[TokenView]:
        """Your tokens, newest first, without their texts; an administrator's list has everybody's."""
        return read(TokenList, self._transport.request("GET", "/tokens")).tokens

    def create_token(
        self,
        name: str | None = None,
        *,
        days: int | None = None,
        user: str | None = None,
        scopes: Sequence[str] | None = None,
    ) -> MadeToken:
        """Make a token that expires after so many days; its text is in the answer, this once."""
        body = {"name": name, "days": days, "user": user, "scopes": scopes}
        given = {key: value for key, value in body.items() if value is not None}
        return read(MadeToken, self._transport.request("POST", "/tokens", body=given))

    def revoke_token(self, token_id: str) -> None:
        """End a token, and the browser sessions that it opened."""
        self._transport.request("DELETE", path_of("tokens", token_id))

    # --- webhooks ------------------------------------------------------------------------------------------------

    def webhooks(self) -> list[WebhookView]:
        """Your webhooks and those of projects that you administer, newest first, without their secrets."""
        return read(WebhookList, self._transport.request("GET", "/webhooks")).webhooks

    def create_webhook(self, url: str, *, project: str | None = None) -> MadeWebhook:
        """Have this URL told when your jobs and sweeps end, or a project's; the secret is in the answer, this once."""
        body = {"url": url, "project": project}
        return read(MadeWebhook, self._transport.request("POST", "/webhooks", body=body))

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook, with the messages that wait for it."""
        self._transport.request("DELETE", path_of("webhooks", webhook_id))

    def test_webhook(self, webhook_id: str) -> WebhookTest:
        """Send a message to a webhook now, and say what came back."""
        return read(WebhookTest, self._transport.request("POST", path_of("webhooks", webhook_id, "test"), body={}))

    # --- reports -------------------------------------------------------------------------------------------------

    def usage(self, by: str = "user", since: datetime | None = None, until: datetime | None = None) -> UsageReport:
        """GPU-hours and CPU-hours by `user`, `project` or `tag:KEY`, of the last 30 days if no moment is given."""
        begin, end = (None if at is None else at.isoformat() for at in (since, until))
        query = {"by": by, "since": begin, "until": end}
        return read(UsageReport, self._transport.request("GET", "/usage", query=query))

    def quotas(self) -> list[QuotaUse]:
        """Your quotas and your projects', with what is used of them now; an administrator's list has everybody's."""
        return read(QuotaReport, self._transport.request("GET", "/quotas")).uses

    def audit(
        self, *, actor: str | None = None, action: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> AuditPage:
        """A page of the audit log, newest first; for administrators."""
        query = {"actor": actor, "action": action, "cursor": cursor, "limit": limit}
        return read(AuditPage, self._transport.request("GET", "/audit", query=query))
