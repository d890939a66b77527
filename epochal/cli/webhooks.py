"""Commands for webhooks: add, list, remove, test."""

from typing import Annotated

import typer

from spec.webhooks import WebhookView

from ..client import Api
from ..client.words import DASH
from .console import Json, listed_ids, print_answer, print_list, print_result
from .help import add, group
from .id_ends import by_end

webhooks = group("Webhooks: addresses that get a message when jobs and sweeps end.")

WebhookId = Annotated[
    str, typer.Argument(metavar="ID", help="The webhook's id or its end: `epochal webhook list`.", show_default=False)
]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for name, command in (("add", add_webhook), ("list", list_webhooks), ("remove", remove), ("test", send_test)):
        add(webhooks, command, name=name)
    app.add_typer(webhooks, name="webhook", rich_help_panel=panel)


def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where each end is sent.", show_default=False)],
    project: Annotated[
        str | None,
        typer.Option(help="A project that you administer. Default: your own jobs."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send a URL a message when your jobs and sweeps end. The secret is shown only once.

    Example:
      epochal webhook add https://example.org/hook --project vision

    """
    with Api() as client:
        made = client.create_webhook(url, project=project)
    print_answer(made, f"{made.id}\n{made.secret}", as_json)


def list_webhooks(as_json: Json = False) -> None:
    """List webhooks, newest first: what waits, what was given up, the last error.

    Example:
      epochal webhook list

    """
    with Api() as client:
        found = client.webhooks()
    ids = listed_ids([webhook.id for webhook in found])
    columns = ("id", "url", "project", "state", "waiting", "given up", "last error")
    print_list(found, columns, lambda one: (ids[one.id], *_cells(one)), as_json)


def remove(webhook_id: WebhookId, as_json: Json = False) -> None:
    """Remove a webhook, with the messages that wait for it.

    Example:
      epochal webhook remove 0a4f3c11

    """
    with Api() as client:
        webhook = _webhook(client, webhook_id)
        client.remove_webhook(webhook.id)
    print_result({"removed": webhook.id}, f"{webhook.id}: removed", as_json)


def send_test(webhook_id: WebhookId, as_json: Json = False) -> None:
    """Send a message to a webhook now, and say what came back.

    Example:
      epochal webhook test 0a4f3c11

    """
    with Api() as client:
        answer = client.test_webhook(_webhook(client, webhook_id).id)
    print_answer(answer, f"{'arrived' if answer.arrived else 'did not arrive'}: {answer.detail}", as_json)
    if not answer.arrived:
        raise typer.Exit(1)


def _webhook(client: Api, given: str) -> WebhookView:
    return by_end(client.webhooks(), given, "webhook", lambda one: one.url)


def _cells(webhook: WebhookView) -> tuple[str, ...]:
    state = "disabled" if webhook.disabled_at else "failing" if webhook.last_error else "works"
    counts = str(webhook.waiting), str(webhook.given_up)
    return webhook.url, webhook.project or DASH, state, *counts, webhook.last_error or DASH
