"""`emporium webhooks`: where events are posted to, and what became of them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from emporium import Emporium, Webhook, WebhookDelivery

app = typer.Typer(
    name="webhooks",
    help="Show, add and try where events are posted to.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(help="The webhook's id, as `emporium webhooks list` shows it.")]


@app.command("list")
def list_webhooks(*, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Show all webhooks, the newest first."""

    async def work(shop: "Emporium") -> list[str]:
        found = [_webhook(each) async for each in shop.webhooks.list(per_page=100)]
        return found or ["there are none; `emporium webhooks add URL`"]

    _print(require_running(home), work)


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where to post.")],
    *,
    event: Annotated[
        list[str] | None, typer.Option(help="A type of event, all unless given; repeatable.")
    ] = None,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Add a webhook, and show its secret, once."""

    async def work(shop: "Emporium") -> list[str]:
        webhook = await shop.webhooks.create(url, event or ["*"])
        return [_webhook(webhook), f"secret, shown only now: {webhook.secret}"]

    _print(require_running(home), work)


@app.command()
def ping(webhook: Id, *, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Post a test."""

    async def work(shop: "Emporium") -> list[str]:
        made = await shop.webhooks.ping(webhook)
        return [_delivery(made), f"`emporium webhooks deliveries {webhook}` says what became of it"]

    _print(require_running(home), work)


@app.command()
def deliveries(
    webhook: Id,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="So many.")] = 20,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Show what was posted, or is to be, the latest first."""

    async def work(shop: "Emporium") -> list[str]:
        lines: list[str] = []
        async for each in shop.webhooks.deliveries(webhook, per_page=min(limit, 100)):
            lines.append(_delivery(each))
            if len(lines) == limit:
                break
        return lines or ["nothing yet"]

    _print(require_running(home), work)


def _print(record: ClusterRecord, work: Callable[["Emporium"], Awaitable[list[str]]]) -> None:
    lines = done(_asked(record, work))
    Console().print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)


async def _asked(
    record: ClusterRecord, work: Callable[["Emporium"], Awaitable[list[str]]]
) -> list[str]:
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Conflict, Emporium, InvalidRequest, NotFound, Targets

    async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
        try:
            return await work(shop)
        except (Conflict, InvalidRequest, NotFound) as error:
            raise LocalError(str(error)) from error


def _webhook(found: "Webhook") -> str:
    from emporium import Webhook

    status = Webhook.Status.Name(found.status).lower()
    said = [found.id, status, found.url, " ".join(found.event_types)]
    if found.pause_reason:
        said.append(f"paused: {found.pause_reason}")
    return "  ".join(said)


def _delivery(found: "WebhookDelivery") -> str:
    from emporium import WebhookDelivery

    status = WebhookDelivery.Status.Name(found.status).lower()
    said = [found.created_at.ToJsonString(), found.id, found.event_type, status]
    said.append(f"{found.attempts} posts")
    if found.error:
        said.append(found.error)
    return "  ".join(said)
