"""`emporium audit`: who did what to whom."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from emporium import AuditEvent, Violation


def audit(
    *,
    actor: Annotated[
        str, typer.Option(help="Only what this one did: an id, service:order, or operator.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Only what was done to this account.")] = "",
    action: Annotated[str, typer.Option(help="Only calls of this rpc, as listed.")] = "",
    outcome: Annotated[str, typer.Option(help="ok, or a reason such as bad_credentials.")] = "",
    after: Annotated[str, typer.Option(help="From this date or moment (RFC 3339) on.")] = "",
    before: Annotated[str, typer.Option(help="Until this date or moment.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 20,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """List the audit log of the running cluster, the newest first.

    A line has the time, who called (and the role), the rpc, what came of it, how often, and on whom
    or what. It is read as the operator, by a token that this command signs.
    """
    filters = {
        "actor": actor,
        "subject": subject,
        "action": action,
        "outcome": outcome,
        "created_after": after,
        "created_before": before,
    }
    given = {name: value for name, value in filters.items() if value}
    lines = done(_listed(require_running(home), given, limit))
    shown = "\n".join(lines) or "no records"
    Console().print(shown, soft_wrap=True, markup=False, highlight=False)


async def _listed(record: ClusterRecord, filters: dict[str, Any], limit: int) -> list[str]:
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Emporium, InvalidRequest, Targets

    lines: list[str] = []
    async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
        try:
            async for event in shop.audit.list(per_page=min(limit, 100), **filters):
                lines.append(_line(event))
                if len(lines) == limit:
                    break
        except InvalidRequest as error:
            raise LocalError("; ".join(map(_of_option, error.violations)) or str(error)) from error
    return lines


def _of_option(violation: "Violation") -> str:
    """What is wrong with a filter, by the name that it has here."""
    return f"--{violation.field.removeprefix('created_')} {violation.description}"


def _line(event: "AuditEvent") -> str:
    from emporium import Role

    who = event.actor_id or "nobody"
    if event.HasField("actor_role"):
        who += f" ({Role.Name(event.actor_role).lower()})"
    times = f" x{event.count}" if event.count > 1 else ""
    said = [event.first_at.ToJsonString(), who, event.action, f"{event.outcome}{times}"]
    return "  ".join([*said, *dict.fromkeys(filter(None, (event.subject_id, event.resource)))])
